#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>
#include <utility>

#include "osfp/passive/port_comparison.h"
#include "osfp/passive/signature_index.h"

namespace {

using namespace trawl::osfp;

// A file, and packets that suit its own signatures.
void read_file(std::string_view text) {
  auto file = SignatureFile::parse(text, "fuzz");
  if (!file) {
    if (file.error().message.find("fuzz:") != 0) std::abort();
    return;
  }
  for (const auto& [signature, label, line, syn] : file->entries) {
    if (label >= file->labels.size() || line == 0) std::abort();
    const auto again = Signature::parse(signature.print());
    if (!again || again->print() != signature.print()) std::abort();
  }
  const std::size_t count = file->entries.size();
  const SignatureIndex full{*file};
  const SignatureIndex bare{std::move(*file), trawl::dataplane::SynOptions::Mss};
  if (full.size() + bare.size() != count) std::abort();
  const auto check = [&](const SignatureIndex& index, const Signature& signature) {
    SynAckFacts facts;
    facts.ip_version = signature.ip_version.value_or(4);
    facts.ttl = signature.initial_ttl;
    facts.ip_options_size = signature.ip_options_size;
    facts.mss = signature.mss.value_or(1460);
    facts.scale = signature.scale.value_or(3);
    facts.has_data = signature.has_data.value_or(false);
    facts.window = signature.window;
    facts.layout = signature.layout;
    facts.quirks = signature.quirks;
    const auto hint = index.find(facts);
    // A window that follows from the MSS may be another.
    if (!hint && signature.fit(facts)) std::abort();
    if (hint && (hint->confidence == 0 || hint->confidence > 100)) std::abort();
  };
  const auto copy = SignatureFile::parse(text, "fuzz");
  for (const auto& entry : copy->entries) {
    check(entry.syn == trawl::dataplane::SynOptions::Mss ? bare : full, entry.signature);
  }
}

}  // namespace

// A signature file, and the same bytes as a packet of a scanned host.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  read_file({reinterpret_cast<const char*>(data), size});
  const auto facts = read_syn_ack(std::as_bytes(std::span{data, size}));
  if (!facts) return 0;
  if (facts->layout.kinds().size() > OptionLayout::kMost) std::abort();
  const auto hint = builtin_signatures().find(*facts);
  if (hint && (hint->label == nullptr || hint->confidence > 100)) std::abort();
  const PortSynAck ports[] = {{.port = 1, .facts = *facts}, {.port = 2, .facts = SynAckFacts{}}};
  std::size_t seen = 0;
  for (const MachineGroup& group : compare_ports(ports)) seen += group.ports.size();
  if (seen != std::size(ports)) std::abort();
  return 0;
}
