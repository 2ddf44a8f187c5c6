// Whether a stream is a terminal, and what may be written to it if it is.
#pragma once

#include <string>
#include <string_view>

namespace aurora::tools {

struct Terminal {
  int columns = 0;      // 0: not a terminal
  bool colour = false;  // escape sequences are welcome

  bool present() const { return columns > 0; }
  // `text` in bold, in a colour or faint, where there is colour.
  std::string Bold(std::string_view text) const { return Dress("\x1b[1m", text); }
  std::string Red(std::string_view text) const { return Dress("\x1b[1;31m", text); }
  std::string Yellow(std::string_view text) const { return Dress("\x1b[33m", text); }
  std::string Green(std::string_view text) const { return Dress("\x1b[32m", text); }
  std::string Faint(std::string_view text) const { return Dress("\x1b[2m", text); }

 private:
  std::string Dress(std::string_view begin, std::string_view text) const;
};

// What file descriptor `fd` leads to. No colour if NO_COLOR is set or the terminal is a dumb one.
Terminal TerminalOf(int fd);

}  // namespace aurora::tools
