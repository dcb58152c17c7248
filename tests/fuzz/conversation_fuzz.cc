// The conversation engine as a whole against peers that have one true stream each and let its
// segments come in any order, lost, doubled, cut and overlapping, with resets, forged segments and
// silence between them. Whatever happens: a banner is a prefix of the stream, there is one at most,
// what is sent can be sent, and in the end nothing is left. Over IPv4 and IPv6.
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

#include "dataplane/conversation/segment_writer.h"
#include "tests/dataplane/conversation_stage.h"

namespace trawl::dataplane {
namespace {

constexpr std::size_t kMostBytes = 700;
constexpr std::size_t kPeers = 4;
constexpr Ticks kGrace = 3'000'000;

void require(bool holds, int line = __builtin_LINE()) {
  if (holds) return;
  std::fprintf(stderr, "line %d does not hold\n", line);
  std::abort();
}

class Input {
 public:
  explicit Input(std::span<const std::uint8_t> bytes) : bytes_{bytes} {}
  [[nodiscard]] bool ended() const { return at_ >= bytes_.size(); }
  std::uint32_t byte() { return ended() ? 0 : bytes_[at_++]; }
  std::uint32_t word() { return byte() << 8U | byte(); }

 private:
  std::span<const std::uint8_t> bytes_;
  std::size_t at_ = 0;
};

ConversationPlan plan() {
  ConversationPlan plan;
  plan.payloads.push_back(bytes_of("GET / HTTP/1.0\r\n\r\n"));
  plan.payloads.push_back(std::vector<std::byte>(300, std::byte{22}));
  plan.first[80] = 1;
  plan.second[80] = 2;
  plan.second[22] = 1;
  plan.first[443] = plan.second[443] = 2;
  plan.most_bytes = ByteCount{kMostBytes};
  plan.most_open = 2 * kPeers;
  plan.most_memory = ByteCount{3 * (kMostBytes + 64)};  // Fewer than peers: slabs run out.
  return plan;
}

// Of us and of the first peer.
template <typename Address>
struct Ends;
template <>
struct Ends<Ipv4Address> {
  static constexpr Ipv4Address kOurs{0xc6120001};
  static constexpr Ipv4Address kPeer{0xc6130300};
  static Ipv4Address of(const IpAddress& address) { return address.v4(); }
};
template <>
struct Ends<Ipv6Address> {
  static constexpr Uint128 kNetwork = Uint128{0x20010db8} << 96U;
  static constexpr Ipv6Address kOurs{kNetwork + 1};
  static constexpr Ipv6Address kPeer{kNetwork + 0x100};
  static Ipv6Address of(const IpAddress& address) { return address.v6(); }
};

// A peer, what it has heard, and its true stream.
template <typename Address>
struct Model {
  Model(const BasicStage<Address>& stage, std::uint32_t number, std::uint32_t size)
      : target{Address{Ends<Address>::kPeer.value() + number},
               static_cast<std::uint16_t>(number % 3 == 0   ? 80
                                          : number % 3 == 1 ? 22
                                                            : 443)},
        peer{stage, target},
        second{stage, target, kSecondKind} {
    for (std::uint32_t i = 0; i < size; ++i) {
      text.push_back(static_cast<char>(i * 31 + i / 7 + number));
    }
    peer.first = 0xffffff00U + number;  // Wraps on the way.
    second.first = 0x00fffff0;
    peer.has_stamps = second.has_stamps = number != 3;
  }

  BasicTarget<Address> target;
  BasicPeer<Address> peer;
  BasicPeer<Address> second;
  std::string text;
  bool greeted = false;
  bool greeted_second = false;
  Ticks told_at = 0;
};

template <typename Address>
class Play {
 public:
  explicit Play(Input input) : input_{input} {
    for (std::uint32_t i = 0; i < kPeers; ++i) {
      models_.emplace_back(stage_, i, input_.word() % 2000);
    }
    keeps_ = input_.byte() % 2 == 1;
  }

  void run() {
    for (int steps = 0; steps < 400 && !input_.ended(); ++steps) {
      step();
      if (!keeps_ || steps % 16 == 0) read_banners();
      require(stage_.engine().open() <= 2 * kPeers);
    }
    // In the end all is silent: nothing stays open, and every slab comes back.
    for (int i = 0; i < 400 && (i == 0 || stage_.engine().open() > 0); ++i) {
      check(stage_.skip(std::chrono::milliseconds{501}));
      read_banners();
    }
    require(stage_.engine().open() == 0);
    BannerSlabs& slabs = stage_.engine().slabs();
    for (std::size_t i = 0; i < slabs.count(); ++i) require(slabs.obtain() != BannerSlabs::kNone);
    require(slabs.obtain() == BannerSlabs::kNone);
  }

 private:
  void step() {
    const std::uint32_t choice = input_.byte();
    Model<Address>& model = models_[choice % kPeers];
    const bool is_second = (choice & 8U) != 0;
    BasicPeer<Address>& peer = is_second ? model.second : model.peer;
    bool& greeted = is_second ? model.greeted_second : model.greeted;
    switch (choice >> 4U) {
      case 0: check(stage_.skip(std::chrono::milliseconds{input_.byte() * 8})); return;
      case 1: check(stage_.skip(std::chrono::milliseconds{input_.byte()})); return;
      case 2: peer.window = static_cast<std::uint16_t>(input_.word()); return;
      case 3:
      case 4: {
        const auto frames = stage_.receive(peer.syn_ack());
        check(frames);
        for (const auto& frame : frames) {
          peer.hear(frame);
          greeted |= (frame.flags & wire::kRst) == 0;
        }
        return;
      }
      case 5: check(stage_.receive(peer.reset(input_.word(), input_.byte() * 2, true))); return;
      case 6: check(stage_.receive(peer.reset(input_.word(), 0, false))); return;
      case 7: check(stage_.receive(peer.ack(input_.word()))); return;
      default: break;
    }
    if (!greeted && peer.has_stamps) return;
    // A part of the stream; the peer closes behind its end.
    const auto size = static_cast<std::uint32_t>(model.text.size());
    const std::uint32_t offset = input_.word() % (size + 1);
    const std::uint32_t length = std::min(size - offset, input_.word() % 1461);
    const bool ends = offset + length == size && (choice & 4U) != 0;
    const std::uint32_t taken = input_.byte() * 2;
    check(stage_.receive(peer.say(offset, std::string_view{model.text}.substr(offset, length),
                                  taken, ends ? wire::kFin : 0U)));
  }

  // Every frame can be written, and reads as it was meant.
  void check(const std::vector<BasicOutgoing<Address>>& frames) {
    for (const auto& frame : frames) {
      if (frame.kind == BasicOutgoing<Address>::Kind::Probe) continue;
      const std::size_t payload = plan_->payloads.at(frame.payload).size();
      require(frame.offset + std::size_t{frame.length} <= payload);
      std::array<std::byte, BasicSegmentWriter<Address>::kLargestFrame> bytes;
      const std::size_t size = writer_.write(bytes.data(), 0, frame);
      require(size <= bytes.size());
      BasicSegment<Address> read;
      require(read_segment({bytes.data(), size}, {}, read));
      require(read.source == frame.target.ip && read.source_port == frame.target.port);
      require(read.sequence == frame.sequence && read.ack == frame.ack);
      require(read.flags == frame.flags && read.data.size() == frame.length);
      require(read.has_stamps == frame.has_stamps);
      require(!frame.has_stamps || (read.stamp == frame.stamp && read.echo == frame.echo));
    }
  }

  void read_banners() {
    for (const Told& told : stage_.banners()) {
      const auto number = Ends<Address>::of(told.ip).value() - Ends<Address>::kPeer.value();
      Model<Address>& model = models_.at(static_cast<std::size_t>(number));
      require(model.told_at == 0 || told.arrival - model.told_at >= kGrace);
      model.told_at = told.arrival;
      require(told.port == model.target.port && told.text.size() <= kMostBytes);
      require((told.port_class == PortClass::Service) == !told.text.empty());
      // Without timestamps the first bytes may be lost for good.
      const auto at = model.text.find(told.text);
      require(model.peer.has_stamps ? model.text.starts_with(told.text) : at != std::string::npos);
      if (told.end == BannerEnd::Full) require(told.text.size() == kMostBytes);
      if (told.end == BannerEnd::Closed && !told.text.empty()) {
        require(model.text.ends_with(told.text));
      }
    }
  }

  Input input_;
  std::shared_ptr<const ConversationPlan> plan_ = std::make_shared<const ConversationPlan>(plan());
  BasicStage<Address> stage_{plan(), Ends<Address>::kOurs};
  BasicSegmentWriter<Address> writer_{MacAddress{}, VlanId{}, plan_};
  std::vector<Model<Address>> models_;
  bool keeps_ = false;  // Banners a while before they are given back.
};

}  // namespace
}  // namespace trawl::dataplane

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace trawl::dataplane;
  // Behind the bytes that say how the play goes: inputs of before are plays over IPv4.
  if (size > 0 && data[size - 1] == 6) {
    Play<trawl::Ipv6Address>{Input{{data, size - 1}}}.run();
  } else {
    Play<trawl::Ipv4Address>{Input{{data, size}}}.run();
  }
  return 0;
}
