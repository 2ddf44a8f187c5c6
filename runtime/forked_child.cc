#include "aurora/runtime/forked_child.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <iterator>

#include "aurora/runtime/check.h"
#include "gtest/gtest.h"

namespace aurora {

ForkedChild::ForkedChild(const std::function<void(ForkedChild& self)>& body) {
  int to_child[2];
  int to_parent[2];
  AURORA_CHECK(::pipe(to_child) == 0 && ::pipe(to_parent) == 0);
  std::fflush(nullptr);
  pid_ = ::fork();
  AURORA_CHECK(pid_ >= 0);
  if (pid_ != 0) {
    read_fd_ = to_parent[0];
    write_fd_ = to_child[1];
    ::close(to_parent[1]);
    ::close(to_child[0]);
    return;
  }
  read_fd_ = to_child[0];
  write_fd_ = to_parent[1];
  ::close(to_child[1]);
  ::close(to_parent[0]);
  body(*this);
  std::fflush(nullptr);
  ::_exit(testing::Test::HasFailure() ? 1 : 0);
}

ForkedChild::~ForkedChild() {
  if (!gone_) Kill();
  ::close(read_fd_);
  ::close(write_fd_);
}

void ForkedChild::Tell() {
  char token = 0;
  EXPECT_EQ(::write(write_fd_, &token, 1), 1);
}

void ForkedChild::Await() {
  char token;
  EXPECT_EQ(::read(read_fd_, &token, 1), 1) << "the other side is gone";
}

void ForkedChild::Kill() {
  ::kill(pid_, SIGKILL);
  Wait();
}

int ForkedChild::Wait() {
  AURORA_CHECK(!gone_);
  int status = 0;
  AURORA_CHECK(::waitpid(pid_, &status, 0) == pid_);
  gone_ = true;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

void FailSystemCalls(long number, int error) {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(number), 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program = {static_cast<unsigned short>(std::size(filter)), filter};
  EXPECT_EQ(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
  EXPECT_EQ(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

}  // namespace aurora
