#include "dataplane/link_spec.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace trawl::dataplane {
namespace {

struct Case {
  const char* text;
  LinkKind kind;
  const char* kernel_interface;
  const char* driver;
};

TEST(LinkSpec, TellsTheKindsOfLinkApart) {
  const std::vector<Case> cases{
      {"0000:3b:00.0", LinkKind::Pci, "", ""},
      {"3b:00.0", LinkKind::Pci, "", ""},
      {"ABCD:eF:1f.7", LinkKind::Pci, "", ""},
      {"eth1", LinkKind::KernelInterface, "eth1", ""},
      {"enp59s0f0np0", LinkKind::KernelInterface, "enp59s0f0np0", ""},
      {"veth-scan.100", LinkKind::KernelInterface, "veth-scan.100", ""},
      {"fifteen_letters", LinkKind::KernelInterface, "fifteen_letters", ""},
      {"net_null0", LinkKind::Vdev, "", "net_null"},
      {"net_null0,size=64,copy=0", LinkKind::Vdev, "", "net_null"},
      {"net_memif0,role=client,socket=/run/x.sock", LinkKind::Vdev, "", "net_memif"},
      {"net_memif", LinkKind::Vdev, "", "net_memif"},
      {"net_ring12", LinkKind::Vdev, "", "net_ring"},
      {"eth_ring0", LinkKind::Vdev, "", "eth_ring"},
      {"net_af_packet0,iface=eth1", LinkKind::Vdev, "eth1", "net_af_packet"},
      {"net_af_xdp3,start_queue=1,iface=ens5,queue_count=2", LinkKind::Vdev, "ens5", "net_af_xdp"},
      {"net_pcap0,tx_iface=eth9,rx_pcap=in.pcap", LinkKind::Vdev, "", "net_pcap"},
      {"net_af_packet0,iface=", LinkKind::Vdev, "", "net_af_packet"},
      {"net_af_packet0,interface=eth1", LinkKind::Vdev, "", "net_af_packet"}};
  for (const auto& [text, kind, kernel_interface, driver] : cases) {
    const auto spec = LinkSpec::parse(text);
    ASSERT_TRUE(spec) << text;
    EXPECT_EQ(spec->kind, kind) << text;
    EXPECT_EQ(spec->text, text);
    EXPECT_EQ(spec->kernel_interface, kernel_interface) << text;
    EXPECT_EQ(spec->driver(), driver) << text;
  }
}

TEST(LinkSpec, RefusesWhatIsNoLink) {
  const std::string with_nul{"eth\0x", 5};
  for (const std::string& text :
       {std::string{}, std::string{"."}, std::string{".."}, std::string{"eth 1"},
        std::string{"eth/1"}, std::string{"eth1,x=1"}, std::string{"sixteen_letters_"},
        std::string{"0000:3b:00.0x"}, std::string{"0000:3b:00"}, std::string{"g0:00.0"},
        std::string{"00:00:00.0"}, std::string{"eth\n"}, std::string{"\xc3\xa9th0"}, with_nul}) {
    const auto spec = LinkSpec::parse(text);
    ASSERT_FALSE(spec) << text;
    EXPECT_EQ(spec.error().code, ExitCode::Usage);
    EXPECT_NE(spec.error().message.find("--link"), std::string::npos);
  }
}

TEST(LinkSpec, OnlyMemifNeedsSharedFilesAndOnlyNullSwallowsAll) {
  for (const char* text : {"net_null0", "net_memif0,role=client", "net_ring0", "eth1", "3b:00.0"}) {
    const auto spec = LinkSpec::parse(text);
    ASSERT_TRUE(spec);
    EXPECT_EQ(spec->needs_multiprocess(), std::string{text}.starts_with("net_memif")) << text;
    EXPECT_EQ(spec->is_sink(), std::string{text}.starts_with("net_null")) << text;
  }
}

TEST(LinkSpec, DeviceIsWhatWasAskedForAndWhatMakesItDo) {
  struct Made {
    std::string_view text, device;
  };
  constexpr Made kMade[] = {
      {"net_null0", "net_null0,no-rx=1"},
      {"net_null0,size=60", "net_null0,size=60"},
      {"net_memif0", "net_memif0,bsize=1600,rsize=12"},
      {"net_memif0,role=client,rsize=10", "net_memif0,role=client,rsize=10,bsize=1600"},
      {"net_memif0,bsize=128,rsize=13", "net_memif0,bsize=128,rsize=13"},
      {"net_memif0,bsize=2048", "net_memif0,bsize=2048,rsize=12"},
      {"net_memif0,role=server,socket=/run/x", "net_memif0,role=server,socket=/run/x"},
      {"net_ring0", "net_ring0"}};
  for (const auto& [text, device] : kMade) {
    const auto spec = LinkSpec::parse(text);
    ASSERT_TRUE(spec) << text;
    EXPECT_EQ(spec->device(), device);
  }
}

}  // namespace
}  // namespace trawl::dataplane
