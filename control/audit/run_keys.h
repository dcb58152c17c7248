#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace trawl::control {

// Keys pressed at the terminal that is standard input, each as it is pressed.
//
// While the process is in the terminal's foreground the terminal hands over each key unechoed, and
// is put back when this ends, before the process stops (SIGTSTP), and before a signal kills it.
// In the background, and where standard input is no terminal, there are no keys: nothing is read
// and nothing changed, so no SIGTTIN or SIGTTOU is earned.
//
// Thread: one user; one at a time in a process, for it takes signals that nobody else has taken.
class RunKeys {
 public:
  // Without `wanted`, none are read.
  explicit RunKeys(bool wanted);
  ~RunKeys();
  RunKeys(const RunKeys&) = delete;
  RunKeys& operator=(const RunKeys&) = delete;

  // The keys since the last call, "" for none; does not wait. An escape sequence, as arrow keys
  // send it, is one key.
  [[nodiscard]] std::string poll();
  // What can be read when there is a key; -1 while there is no terminal to read from. It changes
  // with each poll().
  [[nodiscard]] int fd() const noexcept { return is_taken_ ? fd_ : -1; }

  // Puts the terminal back and dies of the signal. For signal handlers.
  static void die_of(int signal) noexcept;

 private:
  using Clock = std::chrono::steady_clock;

  void take_terminal();
  void leave_terminal();
  [[nodiscard]] bool is_foreground() const noexcept;

  int fd_ = -1;            // -1 for good when there is no terminal, or it is gone.
  bool is_taken_ = false;  // The terminal hands keys to us.
  Clock::time_point looked_{};
};

// Terminals send several bytes for one key: each such sequence becomes its first byte, Escape.
[[nodiscard]] std::string fold_sequences(std::string_view bytes);

}  // namespace trawl::control
