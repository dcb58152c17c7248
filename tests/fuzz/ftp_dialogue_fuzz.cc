#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "control/audit/through/ftp_dialogue.h"

// What an FTP server says; it is asked whenever it may be.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace trawl::control;
  FtpDialogue dialogue{"user", "password"};
  for (std::size_t i = 0; i < size; ++i) {
    const char c = static_cast<char>(data[i]);
    dialogue.take_input({&c, 1});
    const bool answered = dialogue.take_answer().has_value();
    const auto state = dialogue.state();
    if (answered && state != FtpDialogue::State::Idle && state != FtpDialogue::State::Gone) {
      std::abort();
    }
    if (state == FtpDialogue::State::Idle) {
      dialogue.ask(trawl::Ipv4Address{0xc6120101}, 80);
    }
    if (dialogue.take_output().size() > 64) std::abort();
  }
  return 0;
}
