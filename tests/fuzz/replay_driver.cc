// Runs a fuzz target without libFuzzer: every file of the given corpus folders as it is, then fixed
// mutations of them, the same on every run. It keeps each target compiled, and each input that once
// broke it tried, under gcc and in the sanitizer builds.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Input = std::vector<std::uint8_t>;

constexpr unsigned kMutations = 20000;
constexpr std::size_t kLongest = 4096;

std::vector<Input> read_corpus(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  if (std::filesystem::is_directory(folder)) {
    for (const auto& entry : std::filesystem::directory_iterator{folder}) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  std::vector<Input> inputs;
  for (const auto& file : files) {
    std::ifstream stream{file, std::ios::binary};
    inputs.emplace_back(std::istreambuf_iterator<char>{stream}, std::istreambuf_iterator<char>{});
  }
  return inputs;
}

// A copy of exactly the input's size, so that the address sanitizer sees a read past its end.
void run(const Input& input) {
  const Input exact(input.begin(), input.end());
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

class Mutator {
 public:
  explicit Mutator(const std::vector<Input>& seeds) : seeds_{seeds} {}

  Input next() {
    Input input = seeds_[below(seeds_.size())];
    for (std::size_t left = 1 + below(4); left > 0; --left) change(input);
    if (input.size() > kLongest) input.resize(kLongest);
    return input;
  }

 private:
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }
  std::uint8_t byte() { return static_cast<std::uint8_t>(random_()); }
  // Any place in the input, or its end.
  auto place(Input& input) {
    return input.begin() + static_cast<std::ptrdiff_t>(below(input.size() + 1));
  }

  void change(Input& input) {
    constexpr std::uint8_t kEdges[] = {0, 1, '\n', ' ', '-', '/', '0', '9', 0x7f, 0x80, 0xff};
    switch (below(6)) {
      case 0: input.insert(place(input), byte()); return;
      case 1: input.insert(place(input), kEdges[below(std::size(kEdges))]); return;
      case 2: {
        const Input& other = seeds_[below(seeds_.size())];
        const std::size_t from = below(other.size() + 1);
        const std::size_t length = below(std::min<std::size_t>(other.size() - from, 64) + 1);
        const auto begin = other.begin() + static_cast<std::ptrdiff_t>(from);
        input.insert(place(input), begin, begin + static_cast<std::ptrdiff_t>(length));
        return;
      }
      default: break;
    }
    if (input.empty()) return;
    std::uint8_t& one = input[below(input.size())];
    switch (below(4)) {
      case 0: one = static_cast<std::uint8_t>(one ^ (1U << below(8))); return;
      case 1: one = kEdges[below(std::size(kEdges))]; return;
      case 2: input.resize(below(input.size())); return;
      default: {
        const auto at = static_cast<std::ptrdiff_t>(below(input.size()));
        input.erase(input.begin() + at);
      }
    }
  }

  const std::vector<Input>& seeds_;
  std::mt19937_64 random_{0x7261776cU};
};

int replay(int argc, char** argv) {
  std::vector<Input> seeds;
  for (int i = 1; i < argc; ++i) {
    const auto more = read_corpus(argv[i]);
    seeds.insert(seeds.end(), more.begin(), more.end());
  }
  for (const Input& seed : seeds) run(seed);
  const std::size_t read = seeds.size();
  seeds.emplace_back();
  Mutator mutator{seeds};
  for (unsigned i = 0; i < kMutations; ++i) run(mutator.next());
  std::printf("%zu corpus files and %u mutations\n", read, kMutations);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return replay(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "unexpected exception: %s\n", error.what());
    return 1;
  }
}
