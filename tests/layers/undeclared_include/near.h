#pragma once

#include "aurora/tests/layers/undeclared_include/far.h"

inline int Near() { return Far() + 1; }
