#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

namespace trawl::control {

// A file name of this test alone; what is there at the end is removed.
class TempFile {
 public:
  explicit TempFile(const std::string& suffix = ".txt")
      : path_{testing::TempDir() + "trawl_" + std::to_string(getpid()) + "_" + test_name() +
              suffix} {}
  TempFile(std::string_view content, const std::string& suffix) : TempFile{suffix} {
    std::ofstream{path_, std::ios::binary} << content;
  }
  ~TempFile() { std::remove(path_.c_str()); }
  TempFile(const TempFile&) = delete;
  TempFile& operator=(const TempFile&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string content() const {
    std::ifstream file{path_, std::ios::binary};
    return {std::istreambuf_iterator<char>{file}, {}};
  }

 private:
  // Tests with parameters have a slash in their name.
  static std::string test_name() {
    std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
    std::replace(name.begin(), name.end(), '/', '_');
    return name;
  }

  std::string path_;
};

}  // namespace trawl::control
