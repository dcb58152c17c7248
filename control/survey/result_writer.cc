#include "control/survey/result_writer.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string_view>
#include <utility>

namespace trawl::control {
namespace {

char* put(char* out, std::string_view text) noexcept {
  std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

char* put_number(char* out, std::uint32_t value) noexcept {
  constexpr std::ptrdiff_t kMostDigits = 10;
  return std::to_chars(out, out + kMostDigits, value).ptr;
}

// `value` in exactly `width` digits.
void put_padded(char* out, unsigned value, unsigned width) noexcept {
  for (unsigned i = width; i > 0; --i) {
    out[i - 1] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
}

// The 256 octets as text, each followed by its length.
constexpr auto kOctets = [] {
  std::array<std::array<char, 4>, 256> octets{};
  for (unsigned value = 0; value < octets.size(); ++value) {
    auto& text = octets[value];
    unsigned length = 0;
    if (value >= 100) text[length++] = static_cast<char>('0' + value / 100);
    if (value >= 10) text[length++] = static_cast<char>('0' + value / 10 % 10);
    text[length++] = static_cast<char>('0' + value % 10);
    text[3] = static_cast<char>(length);
  }
  return octets;
}();

char* put_address(char* out, Ipv4Address address) noexcept {
  for (unsigned shift = 32; shift > 0;) {
    shift -= 8;
    const auto& octet = kOctets[address.value() >> shift & 0xffU];
    std::memcpy(out, octet.data(), 3);
    out += octet[3];
    if (shift > 0) *out++ = '.';
  }
  return out;
}

bool is_number(ResultField field) noexcept {
  return field == ResultField::Port || field == ResultField::Ttl || field == ResultField::RttUs ||
         field == ResultField::Attempt;
}

std::vector<ResultField> default_fields(OutputFormat format) {
  std::vector<ResultField> fields;
  for (unsigned i = 0; i < kResultFields; ++i) {
    const auto field = static_cast<ResultField>(i);
    if (format == OutputFormat::Jsonl || field != ResultField::Schema) fields.push_back(field);
  }
  return fields;
}

// Lines of one format into one file.
class FileResultWriter final : public ResultSink {
 public:
  FileResultWriter(OutputFile file, LineFormatter formatter, StateSet states)
      : file_{std::move(file)}, formatter_{std::move(formatter)}, states_{states} {}

  Result<void> write(std::span<const Verdict> verdicts) override {
    for (const Verdict& verdict : verdicts) {
      if (!states_.has(verdict.state)) continue;
      if (file_.room() < LineFormatter::kLongestLine) {
        auto flushed = file_.flush();
        if (!flushed) return flushed;
      }
      char* const start = file_.tail();
      file_.commit(static_cast<std::size_t>(formatter_.write(start, verdict) - start));
    }
    return {};
  }
  Result<void> flush() override { return file_.flush(); }
  Result<void> close() override { return file_.close(); }

 private:
  OutputFile file_;
  LineFormatter formatter_;
  StateSet states_;
};

}  // namespace

char* TimestampWriter::write(char* out, std::chrono::system_clock::time_point time) noexcept {
  using std::chrono::days;
  using std::chrono::microseconds;
  using std::chrono::seconds;
  constexpr std::chrono::sys_seconds kLowest{std::chrono::sys_days{std::chrono::year{0} / 1 / 1}};
  constexpr std::chrono::sys_seconds kEnd{std::chrono::sys_days{std::chrono::year{10000} / 1 / 1}};
  const auto exact = std::clamp<std::chrono::sys_time<microseconds>>(
      std::chrono::floor<microseconds>(time), kLowest, kEnd - microseconds{1});
  const auto second = std::chrono::floor<seconds>(exact);
  if (second != second_) {
    second_ = second;
    const auto day = std::chrono::floor<days>(second);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss clock{second - day};
    std::memcpy(text_.data(), "0000-00-00T00:00:00.", text_.size());
    put_padded(text_.data(), static_cast<unsigned>(static_cast<int>(date.year())), 4);
    put_padded(text_.data() + 5, static_cast<unsigned>(date.month()), 2);
    put_padded(text_.data() + 8, static_cast<unsigned>(date.day()), 2);
    put_padded(text_.data() + 11, static_cast<unsigned>(clock.hours().count()), 2);
    put_padded(text_.data() + 14, static_cast<unsigned>(clock.minutes().count()), 2);
    put_padded(text_.data() + 17, static_cast<unsigned>(clock.seconds().count()), 2);
  }
  std::memcpy(out, text_.data(), text_.size());
  put_padded(out + text_.size(), static_cast<unsigned>((exact - second).count()), 6);
  out[kSize - 1] = 'Z';
  return out + kSize;
}

LineFormatter::LineFormatter(OutputFormat format, std::vector<ResultField> fields)
    : format_{format},
      chosen_{!fields.empty()},
      fields_{fields.empty() ? default_fields(format) : std::move(fields)} {
  for (const ResultField field : fields_) {
    std::string& key = keys_.emplace_back(1, '"');
    key += to_string(field);
    key += is_number(field) ? "\":" : "\":\"";
  }
}

std::string LineFormatter::header() const {
  if (format_ == OutputFormat::Jsonl) return {};
  std::string line;
  for (const ResultField field : fields_) {
    if (!line.empty()) line += ',';
    line += to_string(field);
  }
  return line + '\n';
}

bool LineFormatter::left_out(ResultField field, const Verdict& verdict) const noexcept {
  if (field == ResultField::RttUs) return !verdict.rtt_us;
  return field == ResultField::From && !chosen_ && verdict.from == verdict.ip;
}

char* LineFormatter::write_value(char* out, ResultField field, const Verdict& verdict) noexcept {
  switch (field) {
    case ResultField::Schema: return put(out, "trawl.v1");
    case ResultField::Ts: return timestamp_.write(out, verdict.time);
    case ResultField::Ip: return put_address(out, verdict.ip);
    case ResultField::Port: return put_number(out, verdict.port);
    case ResultField::Proto: return put(out, "tcp");
    case ResultField::State: return put(out, to_string(verdict.state));
    case ResultField::Reason: return put(out, to_string(verdict.reason));
    case ResultField::Ttl: return put_number(out, verdict.ttl);
    case ResultField::RttUs: return verdict.rtt_us ? put_number(out, *verdict.rtt_us) : out;
    case ResultField::Attempt: return put_number(out, verdict.attempt);
    case ResultField::From: return put_address(out, verdict.from);
  }
  return out;
}

char* LineFormatter::write(char* out, const Verdict& verdict) noexcept {
  const bool json = format_ == OutputFormat::Jsonl;
  if (json) *out++ = '{';
  char* const first = out;
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    const ResultField field = fields_[i];
    if (json && left_out(field, verdict)) continue;
    if (json ? out != first : i > 0) *out++ = ',';
    if (json) out = put(out, keys_[i]);
    out = write_value(out, field, verdict);
    if (json && !is_number(field)) *out++ = '"';
  }
  if (json) *out++ = '}';
  *out++ = '\n';
  return out;
}

Result<std::unique_ptr<ResultSink>> make_result_writer(const ResultWriterOptions& options) {
  LineFormatter formatter{options.format, options.fields};
  auto file = OutputFile::create(options.path);
  if (!file) return Failure{file.error()};
  if (auto headed = file->append(formatter.header()); !headed) return Failure{headed.error()};
  // The header goes out at once: a full disk is found here and not after the first reply.
  if (auto flushed = file->flush(); !flushed) return Failure{flushed.error()};
  return std::make_unique<FileResultWriter>(std::move(*file), std::move(formatter), options.states);
}

}  // namespace trawl::control
