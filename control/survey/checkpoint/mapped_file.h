#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "base/result.h"

namespace trawl::control {

// A file of which parts are mapped and shared, locked against a second user.
//
// Space is allocated before it is mapped: a full disk is an error of allocate(), never a signal.
// Failures are Errors that name the file. Thread: one user at a time.
class MappedFile {
 public:
  // A mapped part; gone with the object.
  class Window {
   public:
    Window() = default;
    Window(char* at, std::uint64_t offset, std::size_t size)
        : at_{at}, offset_{offset}, size_{size} {}
    ~Window();
    Window(Window&& other) noexcept { *this = std::move(other); }
    Window& operator=(Window&& other) noexcept;
    [[nodiscard]] char* at() const noexcept { return at_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool holds(std::uint64_t offset) const noexcept {
      return at_ != nullptr && offset >= offset_ && offset - offset_ < size_;
    }
    // Needs holds(offset).
    [[nodiscard]] char* at(std::uint64_t offset) const noexcept { return at_ + (offset - offset_); }

   private:
    char* at_ = nullptr;
    std::uint64_t offset_ = 0;
    std::size_t size_ = 0;
  };

  // Fails with Output; a file that is there is an error.
  [[nodiscard]] static Result<MappedFile> create(const std::string& path);
  // Fails with BadInput: not there, not a regular file, in use.
  [[nodiscard]] static Result<MappedFile> open(const std::string& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept
      : path_{std::move(other.path_)}, fd_{std::exchange(other.fd_, -1)} {}
  MappedFile& operator=(MappedFile&&) = delete;

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] std::uint64_t size() const;
  // Makes room up to `size`, zeroed. Fails with Output.
  [[nodiscard]] Result<void> allocate(std::uint64_t size);
  // `offset` is a multiple of the page; the space must be there. Fails with Runtime.
  [[nodiscard]] Result<Window> map(std::uint64_t offset, std::size_t size);
  [[nodiscard]] Result<void> write(std::uint64_t offset, std::span<const char> bytes);
  // False when the file is shorter, or cannot be read.
  [[nodiscard]] bool read(std::uint64_t offset, std::span<char> bytes) const;
  // Makes all of it last. Fails with Output.
  [[nodiscard]] Result<void> sync();

 private:
  MappedFile(std::string path, int fd) : path_{std::move(path)}, fd_{fd} {}
  [[nodiscard]] Failure failure(const char* what) const;

  std::string path_;
  int fd_ = -1;
};

}  // namespace trawl::control
