#include "bench/simnet/options.h"

#include <gtest/gtest.h>

#include <string>

namespace trawl::simnet {
namespace {

std::string error_of(const std::string& text) {
  PopulationOptions options;
  const auto applied = apply_config(options, text, "sim.conf");
  return applied ? "" : applied.error().message;
}

TEST(Options, AFileSaysWhatTheCommandLineSays) {
  PopulationOptions options;
  const auto applied = apply_config(options,
                                    "# population\n"
                                    "prefix = 10.0.0.0/8\r\n"
                                    "seed=7\n"
                                    "\n"
                                    "live = 30%  # of addresses\n"
                                    "open = 80=0.5, 1000-1002=1\n"
                                    "rtt = 0.5-20\n"
                                    "rate-limit = 0.1=50\n"
                                    "static = 10.0.0.9:22,80-82\n"
                                    "arp-all = true",
                                    "sim.conf");
  ASSERT_TRUE(applied) << applied.error().message;
  ASSERT_EQ(options.prefixes.size(), 1U);
  EXPECT_EQ(options.prefixes[0].to_string(), "10.0.0.0/8");
  EXPECT_EQ(options.seed, 7U);
  EXPECT_DOUBLE_EQ(options.live, 0.3);
  ASSERT_EQ(options.open.size(), 2U);
  EXPECT_EQ(options.open[1].last, 1002);
  EXPECT_EQ(options.rtt_min, std::chrono::microseconds{500});
  EXPECT_EQ(options.rtt_max, std::chrono::milliseconds{20});
  EXPECT_DOUBLE_EQ(options.limited_rate.per_second(), 50);
  EXPECT_EQ(options.fixed[0].open_ports, (std::vector<std::uint16_t>{22, 80, 81, 82}));
  EXPECT_TRUE(options.arp_all);
}

TEST(Options, ErrorsNameFileLineAndValue) {
  EXPECT_EQ(error_of("seed = 1\nlive = 1.5\n"),
            "sim.conf:2: live: '1.5' is not a share; write one from 0 to 1, or 0% to 100%");
  EXPECT_EQ(error_of("\n\nlively = 1\n"), "sim.conf:3: lively: there is no option 'lively'");
  EXPECT_EQ(error_of("hello"), "sim.conf:1: 'hello' is not key = value");
  EXPECT_EQ(error_of("\x7f"
                     "ELF\x1b[2J" +
                     std::string(100, 'x')),
            "sim.conf:1: '?ELF?[2J" + std::string(52, 'x') + "...' is not key = value");
  EXPECT_EQ(error_of("open = 80"), "sim.conf:1: open: '80' is not PORT=DENSITY, like 80=0.3");
}

TEST(Options, AFileThatCannotBeReadIsBadInput) {
  for (const char* const file : {"/nonexistent.conf", "/tmp"}) {
    const auto text = read_config_file(file);
    ASSERT_FALSE(text) << file;
    EXPECT_EQ(text.error().code, ExitCode::BadInput);
    EXPECT_EQ(text.error().message, std::string{"cannot read the configuration file "} + file);
  }
  EXPECT_EQ(read_config_file("/dev/null"), "");
}

TEST(Options, BadValuesAreRefused) {
  PopulationOptions options;
  const std::pair<const char*, const char*> cases[] = {
      {"prefix", "10.0.0.0/33"},
      {"prefix", "x"},
      {"live", "-0.1"},
      {"live", "nan"},
      {"live", ""},
      {"seed", "-1"},
      {"open", "70000=0.1"},
      {"open", "90-80=0.1"},
      {"open", "80=0.1,"},
      {"rtt", "20-10"},
      {"rtt", "1e9"},
      {"rtt", "-5"},
      {"rate-limit", "0.1"},
      {"rate-limit", "0.1=0"},
      {"icmp-rate", "inf"},
      {"gateway", "1.2.3"},
      {"static", ":80"},
      {"static", "1.2.3.4:"},
      {"forward", ""},
      {"arp-all", "yes"},
  };
  for (const auto& [name, value] : cases) {
    EXPECT_FALSE(apply_option(options, name, value)) << name << " = " << value;
  }
}

TEST(Options, PortsAreSortedAndUnique) {
  EXPECT_EQ(parse_ports("443,80,80,81-83,82"), (std::vector<std::uint16_t>{80, 81, 82, 83, 443}));
  EXPECT_EQ(parse_ports("-")->size(), 65535U);
  for (const char* bad : {"", "a", "1-", "-5", "65536", "80,,81", "80 81"}) {
    EXPECT_FALSE(parse_ports(bad)) << bad;
  }
}

}  // namespace
}  // namespace trawl::simnet
