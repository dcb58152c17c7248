#include "base/port_class.h"

#include <gtest/gtest.h>

namespace trawl {
namespace {

TEST(PortClass, NamesRoundTrip) {
  for (unsigned i = 0; i < kPortClasses; ++i) {
    const auto port_class = static_cast<PortClass>(i);
    EXPECT_EQ(parse_port_class(to_string(port_class)), port_class);
  }
  EXPECT_EQ(to_string(PortClass::Unknown), "unknown");
  EXPECT_EQ(to_string(PortClass::Service), "service");
  EXPECT_EQ(to_string(PortClass::ZeroWindow), "zero-window");
  EXPECT_EQ(to_string(PortClass::Middlebox), "middlebox");
}

TEST(PortClass, UnknownNamesAreRejected) {
  for (const char* text : {"", "Service", "tarpits", "zero window"}) {
    EXPECT_FALSE(parse_port_class(text)) << text;
  }
}

}  // namespace
}  // namespace trawl
