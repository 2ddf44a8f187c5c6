#include "aurora/tests/layers/undeclared_include/far.h"
#include "aurora/tests/layers/undeclared_include/near.h"

int Sum() { return Far() + Near(); }
