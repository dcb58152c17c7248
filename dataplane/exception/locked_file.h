#pragma once

#include <optional>
#include <string>

namespace trawl::dataplane {

// A network namespace, as notes in files that outlive it have to name it: the numbers of inodes are
// given out again.
struct NetworkNamespace {
  unsigned long inode = 0;        // Of /proc/self/ns/net; 0 when that is not there.
  unsigned long long cookie = 0;  // Unique until the next boot (SO_NETNS_COOKIE); 0: not known.

  // That of the calling thread.
  [[nodiscard]] static NetworkNamespace current() noexcept;
};

// A small file of notes under an exclusive flock(2), which the kernel lets go of however the
// process ends. Notes are lines; one that says "end" is the last that counts.
class LockedFile {
 public:
  enum class Wait { No, Yes };
  enum class Status { Locked, Busy, Failed };

  // Where all of them are.
  static constexpr const char* kFolder = "/run/trawl-links";

  LockedFile() = default;
  // Makes the file where there is none. Busy: with Wait::No, another holds the lock.
  [[nodiscard]] Status open(const std::string& path, Wait wait);
  ~LockedFile();
  LockedFile(LockedFile&& other) noexcept;
  LockedFile& operator=(LockedFile&& other) noexcept;

  [[nodiscard]] bool is_open() const noexcept { return fd_ >= 0; }
  // Up to the line "end"; empty when there is none: then nothing was ever written whole.
  [[nodiscard]] std::string read() const;
  // Puts `text`, lines that each end in a line feed, in place of what is there. False when that
  // failed.
  bool write(std::string text) noexcept;
  // Takes the file away and lets go of it.
  void remove() noexcept;

 private:
  std::string path_;
  int fd_ = -1;
};

}  // namespace trawl::dataplane
