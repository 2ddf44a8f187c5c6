#pragma once

inline int Far() { return 1; }
