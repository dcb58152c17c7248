#include "control/audit/run_keys.h"

#include <poll.h>
#include <pthread.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <span>
#include <string_view>

namespace trawl::control {
namespace {

constexpr std::chrono::milliseconds kLookEvery{100};  // Who is in the foreground.
constexpr std::array kDeadly{SIGHUP, SIGQUIT, SIGILL, SIGABRT, SIGBUS, SIGFPE, SIGSEGV};
constexpr char kEscape = '\x1b';

// What signal handlers need: the terminal that was changed, how it was, and what it became.
std::atomic<int> changed_fd{-1};
termios as_it_was{};
termios as_changed{};
volatile std::sig_atomic_t was_continued = 0;

// From the background too, without being stopped for it.
bool set_terminal(int fd, const termios& how) noexcept {
  sigset_t mask;
  sigset_t before;
  ::sigemptyset(&mask);
  ::sigaddset(&mask, SIGTTOU);
  (void)::pthread_sigmask(SIG_BLOCK, &mask, &before);
  const bool is_done = ::tcsetattr(fd, TCSANOW, &how) == 0;
  (void)::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return is_done;
}

// Whoever has changed the terminal since, as a shell that took it back, is not disturbed.
void give_back() noexcept {
  const int fd = changed_fd.load();
  termios now{};
  if (fd < 0 || ::tcgetattr(fd, &now) != 0) return;
  const bool is_ours = now.c_lflag == as_changed.c_lflag && now.c_iflag == as_changed.c_iflag &&
                       now.c_oflag == as_changed.c_oflag && now.c_cc[VMIN] == as_changed.c_cc[VMIN];
  if (is_ours) (void)set_terminal(fd, as_it_was);
}

void set_action(int signal, void (*handler)(int), int flags = 0) noexcept {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  (void)::sigaction(signal, &action, nullptr);
}

// Stops as without a handler, with the terminal as it was.
void stop_for_a_while(int signal) {
  const int error = errno;
  give_back();
  set_action(signal, SIG_DFL);
  (void)::raise(signal);
  sigset_t mask;
  sigset_t before;
  ::sigemptyset(&mask);
  ::sigaddset(&mask, signal);
  (void)::pthread_sigmask(SIG_UNBLOCK, &mask, &before);  // Here it stops, and goes on.
  (void)::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  set_action(signal, stop_for_a_while);
  was_continued = 1;
  errno = error;
}

void note_continued(int /*signal*/) { was_continued = 1; }

// Whoever ignores a signal (nohup) or has taken it (a sanitizer) keeps it.
void take_signal(int signal, void (*handler)(int)) noexcept {
  struct sigaction before {};
  if (::sigaction(signal, nullptr, &before) != 0 || before.sa_handler != SIG_DFL) return;
  set_action(signal, handler, SA_RESTART);
}

void release_signal(int signal, void (*handler)(int)) noexcept {
  struct sigaction before {};
  if (::sigaction(signal, nullptr, &before) != 0 || before.sa_handler != handler) return;
  set_action(signal, SIG_DFL);
}

// Should the process be in the background by now, reading is to fail and not to stop it.
ssize_t read_unstopped(int fd, std::span<char> buffer) noexcept {
  sigset_t mask;
  sigset_t before;
  ::sigemptyset(&mask);
  ::sigaddset(&mask, SIGTTIN);
  (void)::pthread_sigmask(SIG_BLOCK, &mask, &before);
  const ssize_t size = ::read(fd, buffer.data(), buffer.size());
  const int error = errno;
  (void)::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return size;
}

}  // namespace

std::string fold_sequences(std::string_view bytes) {
  std::string keys;
  while (!bytes.empty()) {
    const char first = bytes.front();
    keys += first;
    bytes.remove_prefix(1);
    if (first != kEscape || bytes.empty()) continue;
    // Escape [ parameters final, or Escape O final (ECMA-48 5.4, and xterm's).
    const bool has_parameters = bytes.front() == '[';
    if (!has_parameters && bytes.front() != 'O') continue;
    bytes.remove_prefix(1);
    if (has_parameters) {
      while (!bytes.empty() && bytes.front() >= 0x20 && bytes.front() < 0x40) {
        bytes.remove_prefix(1);
      }
    }
    if (!bytes.empty()) bytes.remove_prefix(1);
  }
  return keys;
}

RunKeys::RunKeys(bool wanted) {
  if (!wanted || ::isatty(STDIN_FILENO) == 0) return;
  if (::tcgetattr(STDIN_FILENO, &as_it_was) != 0) return;
  fd_ = STDIN_FILENO;
  for (const int signal : kDeadly) take_signal(signal, die_of);
  take_signal(SIGTSTP, stop_for_a_while);
  take_signal(SIGCONT, note_continued);
  was_continued = 0;
  looked_ = Clock::now();
  if (is_foreground()) take_terminal();
}

RunKeys::~RunKeys() {
  give_back();
  changed_fd = -1;
  release_signal(SIGCONT, note_continued);
  release_signal(SIGTSTP, stop_for_a_while);
  for (const int signal : kDeadly) release_signal(signal, die_of);
}

void RunKeys::die_of(int signal) noexcept {
  give_back();
  set_action(signal, SIG_DFL);
  (void)::raise(signal);
}

bool RunKeys::is_foreground() const noexcept { return ::tcgetpgrp(fd_) == ::getpgrp(); }

// From one key on each read has what there is, signals still come from ^C and ^Z, and what is
// printed is laid out as ever.
void RunKeys::take_terminal() {
  // First seen in the foreground it is as its user has it.
  if (changed_fd < 0 && ::tcgetattr(fd_, &as_it_was) != 0) return;
  termios wanted = as_it_was;
  wanted.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  wanted.c_cc[VMIN] = 1;
  wanted.c_cc[VTIME] = 0;
  // What a handler gives back is either nothing or all of this.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  (void)::pthread_sigmask(SIG_SETMASK, &all, &before);
  as_changed = wanted;
  changed_fd = fd_;
  is_taken_ = set_terminal(fd_, as_changed);
  (void)::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

// A shell may take the foreground back when somebody else of the process group dies.
void RunKeys::leave_terminal() {
  if (is_taken_) give_back();
  is_taken_ = false;
}

std::string RunKeys::poll() {
  if (fd_ < 0) return {};
  const auto now = Clock::now();
  if (was_continued != 0 || now >= looked_ + kLookEvery) {
    looked_ = now;
    const bool is_new = was_continued != 0 || !is_taken_;
    was_continued = 0;
    if (!is_foreground()) {
      leave_terminal();
    } else if (is_new) {
      take_terminal();
    }
  }
  if (!is_taken_) return {};
  pollfd ready{.fd = fd_, .events = POLLIN, .revents = 0};
  if (::poll(&ready, 1, 0) <= 0) return {};
  if (!is_foreground()) {
    leave_terminal();
    return {};
  }
  std::array<char, 64> buffer{};
  const ssize_t size = read_unstopped(fd_, buffer);
  if (size > 0) return fold_sequences({buffer.data(), static_cast<std::size_t>(size)});
  // A terminal that hung up stays readable and has nothing to read.
  if (size == 0 || (errno != EINTR && errno != EAGAIN)) {
    is_taken_ = false;
    if (is_foreground() || ::isatty(fd_) == 0) fd_ = -1;
  }
  return {};
}

}  // namespace trawl::control
