#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/verdict.h"

namespace trawl::control {

enum class OutputFormat : std::uint8_t {
  Jsonl,
  Csv,
  Zmap,
  MasscanJson,
  MasscanList,
  NmapXml,
  Pcap  // Holds frames where the others hold verdicts.
};
inline constexpr unsigned kOutputFormats = 7;
inline constexpr unsigned kVerdictFormats = 6;  // The first of them.

// "jsonl", "csv", "zmap", "masscan-json", "masscan-list", "nmap-xml", "pcap".
[[nodiscard]] std::string_view to_string(OutputFormat format) noexcept;

// The keys of a JSONL line and the columns of a CSV file, in their default order.
enum class ResultField : std::uint8_t {
  Schema,  // "trawl.v1"
  Ts,      // When the reply arrived, UTC with microseconds.
  Ip,      // The target.
  Port,    // Absent (CSV: empty) for a protocol without ports.
  Proto,   // "tcp", "udp" or "icmp".
  State,
  Reason,
  Ttl,    // Of the reply, as it arrived.
  RttUs,  // Microseconds; absent (CSV: empty) when unknown.
  Attempt,
  From,  // Who replied. Unless asked for, only where it is not `Ip`.
  // Those of facts, which verdicts have not; where a fact has none of these either, the key is
  // absent (CSV: empty).
  Type,  // "service", "os" or "network" of a fact. A verdict has it where it is asked for:
         // "verdict".
  Class,
  Source,
  Service,
  Tls,
  Product,
  Version,
  Info,
  Hostname,
  Os,
  Device,
  Cpe,
  Probe,
  Line,
  Banner,
  Truncated,  // Of the banner.
  Fingerprint,
  Trouble,
  Evidence,
  Systems,  // What a host may be, with how well each fits.
  // Those of --os-hints, which only verdicts have; absent (CSV: empty) where nothing is known.
  OsFamily,
  OsVersion,
  OsConfidence,  // 0 to 100.
  Hops           // On the way, by the initial TTL of such a system.
};
inline constexpr unsigned kVerdictFields = 11;  // The first of them.
inline constexpr unsigned kResultFields = 35;

// Whether only facts say something of it.
[[nodiscard]] constexpr bool is_of_facts(ResultField field) noexcept {
  return field > ResultField::Type && field <= ResultField::Systems;
}

[[nodiscard]] constexpr bool is_of_hints(ResultField field) noexcept {
  return field > ResultField::Systems;
}

// "schema", "ts", "ip", ..., "from", "type", "class", "source", ..., "evidence", "systems".
[[nodiscard]] std::string_view to_string(ResultField field) noexcept;

// A list such as "ip,port,rtt_us", in that order. Fails with Usage, naming `option`: empty, unknown
// (the nearest is suggested) or repeated fields.
[[nodiscard]] Result<std::vector<ResultField>> parse_result_fields(std::string_view text,
                                                                   std::string_view option);

// The columns of zmap's CSV, by the names its --list-output-fields gives them. Of those, ipid,
// seqnum, acknum and window are not kept by a survey.
enum class ZmapField : std::uint8_t {
  Saddr,     // Who answered for the target: the target itself.
  SaddrRaw,  // The bytes of the address in network order, read as a little-endian number.
  Daddr,     // Our address...
  DaddrRaw,
  Ttl,
  Sport,           // The target's port.
  Dport,           // ...and our port, which the reply came to.
  Classification,  // See zmap_classification.h.
  Success,         // 1 where the target is what the survey looks for, such as open.
  Repeat,          // 1 where the target was reported before.
  Cooldown,        // 1 for a reply after the last probe.
  TimestampStr,    // "2026-01-02T03:04:05.123+0000"
  TimestampTs,     // Seconds since 1970...
  TimestampUs      // ...and the microseconds beyond them.
};
inline constexpr unsigned kZmapFields = 14;

// "saddr", "saddr-raw", ..., "timestamp-us".
[[nodiscard]] std::string_view to_string(ZmapField field) noexcept;

// As parse_result_fields(); '_' is taken for '-', as newer releases of zmap write it.
[[nodiscard]] Result<std::vector<ZmapField>> parse_zmap_fields(std::string_view text,
                                                               std::string_view option);

// Fails with Usage, naming `option`.
[[nodiscard]] Result<OutputFormat> parse_output_format(std::string_view text,
                                                       std::string_view option);

// Csv for a name that ends in ".csv", NmapXml for one in ".xml" and Pcap for one in ".pcap", each
// also before ".zst"; otherwise Jsonl.
[[nodiscard]] OutputFormat format_for_path(std::string_view path) noexcept;

// True for a name that ends in ".zst".
[[nodiscard]] bool is_compressed_path(std::string_view path) noexcept;

// One place results go to.
struct OutputSpec {
  std::string path = "-";  // "-" is standard output.
  OutputFormat format = OutputFormat::Jsonl;
  friend bool operator==(const OutputSpec&, const OutputSpec&) = default;
};

[[nodiscard]] constexpr bool holds_frames(const OutputSpec& output) noexcept {
  return output.format == OutputFormat::Pcap;
}

// The values of -o as FILE or FORMAT:FILE, none meaning standard output. `format` is that of
// --format and holds for each output that names none; without it the name of the file decides.
// Lower-case letters and dashes before a first colon are a format; "./a:b" is a file called "a:b".
// Fails with Usage: unknown formats (the nearest is suggested), no file name, two outputs into one
// file, or a `format` for none of them.
[[nodiscard]] Result<std::vector<OutputSpec>> parse_outputs(std::span<const std::string> values,
                                                            std::optional<OutputFormat> format);

// Which fields the outputs that have a choice write; empty means their default ones.
struct OutputFields {
  std::vector<ResultField> lines;  // Of JSONL and CSV.
  std::vector<ZmapField> zmap;
  bool has_facts = false;  // There will be facts, so the default columns of CSV have theirs.
  bool has_hints = false;  // Likewise hints, in CSV and JSONL.
};

// The values of --fields. Each list belongs to the outputs whose names it uses: "ip,port" to JSONL
// and CSV, "saddr,sport" to zmap's CSV, "ttl" to all. Fails with Usage: a list that is none of what
// `outputs` can write, or two lists for the same outputs.
[[nodiscard]] Result<OutputFields> parse_output_fields(std::span<const std::string> lists,
                                                       std::span<const OutputSpec> outputs);

}  // namespace trawl::control
