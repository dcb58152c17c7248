#include "control/survey/output/fact_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/clock.h"
#include "control/survey/output/text_writer.h"
#include "control/survey/text.h"

namespace trawl::control {
namespace {

constexpr std::size_t kMostBanner = 60'000;  // As of --banner-bytes.
constexpr std::size_t kMostFingerprint = 8192;
constexpr std::size_t kMostText = 256;
constexpr std::size_t kMostCpes = 8;
constexpr std::size_t kMostSystems = 10;  // As many as are named: OsMatches.
constexpr std::size_t kWorst = 6;         // Bytes that one may become, in JSON and in XML.
static_assert((kMostBanner + kMostFingerprint + (11 + kMostCpes + kMostSystems) * kMostText) *
                      kWorst +
                  4096 <=
              kLongestFactRecord);

std::string_view to_string(ServiceFact::Source source) noexcept {
  switch (source) {
    case ServiceFact::Source::Banner: return "banner";
    case ServiceFact::Source::Version: return "version";
    case ServiceFact::Source::Os: break;
  }
  return "os";
}

std::string timestamp(const ServiceFact& fact) {
  TimestampWriter writer;
  std::string text(TimestampWriter::kSize, ' ');
  writer.write(text.data(), fact.time);
  return text;
}

// Of the fields that are text; nullptr for the others.
const std::string* text_of(ResultField field, const ServiceFact& fact) noexcept {
  switch (field) {
    case ResultField::Service: return &fact.service;
    case ResultField::Product: return &fact.product;
    case ResultField::Version: return &fact.version;
    case ResultField::Info: return &fact.info;
    case ResultField::Hostname: return &fact.hostname;
    case ResultField::Os: return &fact.os;
    case ResultField::Device: return &fact.device;
    case ResultField::Probe: return &fact.probe;
    case ResultField::Fingerprint: return &fact.fingerprint;
    case ResultField::Trouble: return &fact.trouble;
    case ResultField::Evidence: return &fact.evidence;
    default: return nullptr;
  }
}

// A word or number that needs no escaping in any format; "" where there is none.
std::string plain_value(ResultField field, const ServiceFact& fact) {
  switch (field) {
    case ResultField::Schema: return "trawl.v1";
    case ResultField::Type: return fact.source == ServiceFact::Source::Os ? "os" : "service";
    case ResultField::Ts: return timestamp(fact);
    case ResultField::Ip: return fact.ip.to_string();
    case ResultField::Port: return fmt::format("{}", fact.port);
    case ResultField::Proto: return std::string{to_string(fact.protocol)};
    case ResultField::Class:
      if (fact.source == ServiceFact::Source::Os) return {};  // It is about no port.
      return std::string{to_string(fact.port_class)};
    case ResultField::Source: return std::string{to_string(fact.source)};
    case ResultField::Tls: return fact.is_tls ? "true" : "";
    case ResultField::Line: return fact.line == 0 ? "" : fmt::format("{}", fact.line);
    case ResultField::Truncated: return fact.is_cut ? "true" : "";
    default: return {};
  }
}

bool is_quoted(ResultField field) noexcept {
  return field != ResultField::Port && field != ResultField::Tls && field != ResultField::Line &&
         field != ResultField::Truncated;
}

void cut(std::string& text, std::size_t most) {
  if (text.size() > most) text.resize(most);
}

}  // namespace

ServiceFact limited(const ServiceFact& fact) {
  ServiceFact made = fact;
  for (std::string* text : {&made.service, &made.product, &made.version, &made.info, &made.hostname,
                            &made.os, &made.device, &made.probe, &made.trouble, &made.evidence}) {
    cut(*text, kMostText);
  }
  if (made.cpes.size() > kMostCpes) made.cpes.resize(kMostCpes);
  for (std::string& cpe : made.cpes) cut(cpe, kMostText);
  if (made.systems.size() > kMostSystems) made.systems.resize(kMostSystems);
  for (ServiceFact::System& system : made.systems) cut(system.name, kMostText);
  made.is_cut = made.is_cut || made.banner.size() > kMostBanner;
  cut(made.banner, kMostBanner);
  cut(made.fingerprint, kMostFingerprint);
  return made;
}

void append_json_bytes(std::string& out, std::string_view bytes) {
  out += '"';
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte == '"' || byte == '\\') {
      out += '\\';
      out += c;
    } else if (byte >= 0x20 && byte < 0x7f) {
      out += c;
    } else {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", byte);
    }
  }
  out += '"';
}

std::string escaped(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte == '\\') {
      out += "\\\\";
    } else if (byte >= 0x20 && byte < 0x7f) {
      out += c;
    } else {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", byte);
    }
  }
  return out;
}

std::string json_record(const NetworkFact& fact) {
  TimestampWriter writer;
  std::string time(TimestampWriter::kSize, ' ');
  writer.write(time.data(), fact.time);
  std::string tests;
  for (const NetworkFact::Test& test : fact.tests) {
    if (!tests.empty()) tests += ',';
    fmt::format_to(std::back_inserter(tests), R"({{"ip":"{}","port":{}}})", test.ip.to_string(),
                   test.port);
  }
  return fmt::format(
      R"({{"schema":"trawl.v1","type":"network","ts":"{}","network":"{}","class":"middlebox",)"
      R"("evidence":"{}","opens":{},"tests":[{}],"speaks":{}}})"
      "\n",
      time, fact.prefix(), fact.evidence(), fact.opens, tests, fact.speaks);
}

namespace {

std::string port_list(const std::vector<std::uint16_t>& ports) {
  std::string out;
  for (const std::uint16_t port : ports) {
    if (!out.empty()) out += ',';
    out += std::to_string(port);
  }
  return out;
}

}  // namespace

std::string json_record(const MachinesFact& fact) {
  TimestampWriter writer;
  std::string time(TimestampWriter::kSize, ' ');
  writer.write(time.data(), fact.time);
  std::string machines;
  bool is_certain = false;
  for (const MachinesFact::Machine& machine : fact.machines) {
    is_certain |= machine.is_certain;
    fmt::format_to(std::back_inserter(machines), R"({}{{"ports":[{}],"ttl":{})",
                   machines.empty() ? "" : ",", port_list(machine.ports), machine.ttl);
    if (machine.system.name != nullptr) {
      fmt::format_to(std::back_inserter(machines), R"(,"os_family":"{}","os_confidence":{})",
                     machine.system.name->family, machine.system.confidence);
    }
    if (!machine.evidence.empty()) {
      fmt::format_to(std::back_inserter(machines), R"(,"evidence":"{}","certain":{})",
                     machine.evidence, machine.is_certain);
    }
    fmt::format_to(std::back_inserter(machines), "}}");
  }
  return fmt::format(R"({{"schema":"trawl.v1","type":"machines","ts":"{}","ip":"{}","certain":{},)"
                     R"("machines":[{}],"ports_left_out":{}}})"
                     "\n",
                     time, fact.ip.to_string(), is_certain, machines, fact.ports_left_out);
}

std::string json_value(ResultField field, const ServiceFact& fact) {
  std::string out;
  if (field == ResultField::Banner) {
    if (!fact.banner.empty()) append_json_bytes(out, fact.banner);
    return out;
  }
  if (field == ResultField::Cpe) {
    for (const std::string& cpe : fact.cpes) {
      out += out.empty() ? '[' : ',';
      append_json_string(out, cpe);
    }
    return out.empty() ? out : out + ']';
  }
  if (field == ResultField::Systems) {
    for (const ServiceFact::System& system : fact.systems) {
      out += out.empty() ? R"([{"name":)" : R"(,{"name":)";
      append_json_string(out, system.name);
      fmt::format_to(std::back_inserter(out), R"(,"accuracy":{}}})", system.accuracy);
    }
    return out.empty() ? out : out + ']';
  }
  if (const std::string* const text = text_of(field, fact)) {
    if (!text->empty()) append_json_string(out, *text);
    return out;
  }
  std::string value = plain_value(field, fact);
  return value.empty() || !is_quoted(field) ? value : fmt::format("\"{}\"", value);
}

std::string csv_value(ResultField field, const ServiceFact& fact) {
  std::string value;
  if (field == ResultField::Banner) {
    value = escaped(fact.banner);
  } else if (field == ResultField::Cpe) {
    for (const std::string& cpe : fact.cpes) {
      if (!value.empty()) value += ' ';
      value += escaped(cpe);
    }
  } else if (field == ResultField::Systems) {
    for (const ServiceFact::System& system : fact.systems) {
      if (!value.empty()) value += ';';
      value += fmt::format("{} ({}%)", escaped(system.name), system.accuracy);
    }
  } else if (const std::string* const text = text_of(field, fact)) {
    value = escaped(*text);
  } else {
    value = plain_value(field, fact);
  }
  if (value.find_first_of(",\"") == std::string::npos) return value;
  std::string quoted = "\"";
  for (const char c : value) {
    quoted += c;
    if (c == '"') quoted += c;
  }
  return quoted + '"';
}

}  // namespace trawl::control
