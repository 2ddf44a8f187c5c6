#include "aurora/tools/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>

#include "aurora/runtime/strings.h"

namespace aurora::tools {
namespace {

constexpr int kColumnsUnknown = 80;

std::string_view Variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string_view() : value;
}

}  // namespace

std::string Terminal::Dress(std::string_view begin, std::string_view text) const {
  return colour ? StrCat(begin, text, "\x1b[0m") : std::string(text);
}

Terminal TerminalOf(int fd) {
  Terminal terminal;
  if (::isatty(fd) == 0) return terminal;
  winsize size = {};
  const bool known = ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  terminal.columns = known ? size.ws_col : kColumnsUnknown;
  terminal.colour = Variable("NO_COLOR").empty() && Variable("TERM") != "dumb";
  return terminal;
}

}  // namespace aurora::tools
