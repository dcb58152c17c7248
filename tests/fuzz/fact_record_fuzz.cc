// What strangers say of their services, as records: whole lines of bounded length, without a
// control character, and the bytes of a banner come back as they were.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "control/survey/output/fact_fields.h"
#include "control/survey/output/record_formatter.h"
#include "control/survey/text.h"

namespace {

using namespace trawl;           // NOLINT(google-build-using-namespace)
using namespace trawl::control;  // NOLINT(google-build-using-namespace)

// Texts of the input, each behind its length in one byte, which counts sixteens; "" at the end.
class Texts {
 public:
  explicit Texts(std::string_view bytes) : bytes_{bytes} {}
  std::string next() {
    if (bytes_.empty()) return {};
    const std::size_t length = static_cast<unsigned char>(bytes_.front()) * std::size_t{16};
    bytes_.remove_prefix(1);
    const std::string text{bytes_.substr(0, length)};
    bytes_.remove_prefix(text.size());
    return text;
  }

 private:
  std::string_view bytes_;
};

ServiceFact fact_of(std::string_view bytes) {
  Texts texts{bytes};
  ServiceFact fact;
  fact.ip = Ipv4Address{0xc6120001U};
  fact.port = 22;
  fact.is_tls = bytes.size() % 2 == 0;
  fact.port_class = static_cast<PortClass>(bytes.size() % kPortClasses);
  for (std::string* text :
       {&fact.banner, &fact.service, &fact.product, &fact.version, &fact.info, &fact.hostname,
        &fact.os, &fact.device, &fact.probe, &fact.trouble, &fact.fingerprint}) {
    *text = texts.next();
  }
  for (int i = 0; i < 10; ++i) fact.cpes.push_back(texts.next());
  return fact;
}

// Of UTF-8: one byte, or the second set of them in two.
void check_plain(std::string_view record) {
  if (record.empty()) return;
  if (record.size() > kLongestFactRecord || record.back() != '\n') std::abort();
  for (std::size_t i = 0; i < record.size();) {
    const std::size_t length = utf8_length(record.substr(i));
    if (length == 0) std::abort();
    const auto first = static_cast<unsigned char>(record[i]);
    if ((first < 0x20 && first != '\n') || first == 0x7f) std::abort();
    if (first == 0xc2 && static_cast<unsigned char>(record[i + 1]) < 0xa0) std::abort();
    i += length;
  }
}

// What append_json_bytes() wrote, read again.
void check_banner(std::string_view banner) {
  std::string json;
  append_json_bytes(json, banner);
  std::string back;
  for (std::size_t i = 1; i + 1 < json.size(); ++i) {
    if (json[i] != '\\') {
      back += json[i];
    } else if (json[i + 1] == 'u') {
      back += static_cast<char>(std::strtoul(json.substr(i + 2, 4).c_str(), nullptr, 16));
      i += 5;
    } else {
      back += json[++i];
    }
  }
  if (back != banner) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes{reinterpret_cast<const char*>(data), size};
  const ServiceFact fact = limited(fact_of(bytes));
  const OutputFields fields{.lines = {}, .zmap = {}, .has_facts = true};
  for (unsigned i = 0; i < kVerdictFormats; ++i) {
    const auto formatter = make_formatter(static_cast<OutputFormat>(i), fields, {});
    const std::string record = formatter->fact_record(fact, 1);
    check_plain(record);
    const auto lines = static_cast<std::size_t>(std::count(record.begin(), record.end(), '\n'));
    const bool has_comma = static_cast<OutputFormat>(i) == OutputFormat::MasscanJson;
    if (lines > (has_comma ? 2U : 1U)) std::abort();
  }
  check_banner(bytes);
  return 0;
}
