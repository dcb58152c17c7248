#include "dataplane/internal/stale_xdp.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <net/if.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xdp/libxdp.h>

#include <string_view>
#include <utility>

namespace trawl::dataplane::internal {
namespace {

// Interfaces of the same name in different network namespaces are different ones.
std::string lock_path(const std::string& interface) {
  struct stat status {};
  const bool known = stat("/proc/thread-self/ns/net", &status) == 0;
  return fmt::format("/run/trawl-links/{}.{}", known ? status.st_ino : 0, interface);
}

}  // namespace

Result<InterfaceClaim> InterfaceClaim::take(const std::string& interface) {
  InterfaceClaim claim;
  mkdir("/run/trawl-links", 0700);
  claim.path_ = lock_path(interface);
  // Again when its last owner removed the file between our opening and our locking it.
  for (;;) {
    claim.fd_ = open(claim.path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (claim.fd_ < 0) return claim;
    if (flock(claim.fd_, LOCK_EX | LOCK_NB) != 0) {
      close(std::exchange(claim.fd_, -1));
      return fail(ExitCode::Device,
                  fmt::format("--link {}: another trawl is using the interface; wait for it, or "
                              "name another interface",
                              interface));
    }
    struct stat ours {};
    struct stat named {};
    const bool same = fstat(claim.fd_, &ours) == 0 && stat(claim.path_.c_str(), &named) == 0 &&
                      ours.st_ino == named.st_ino;
    if (same) return claim;
    close(std::exchange(claim.fd_, -1));
  }
}

InterfaceClaim::~InterfaceClaim() {
  if (fd_ < 0) return;
  unlink(path_.c_str());
  close(fd_);
}

InterfaceClaim::InterfaceClaim(InterfaceClaim&& other) noexcept
    : path_{std::move(other.path_)}, fd_{std::exchange(other.fd_, -1)} {}

InterfaceClaim& InterfaceClaim::operator=(InterfaceClaim&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(fd_, other.fd_);
  return *this;
}

void remove_stale_xdp(const std::string& interface) noexcept {
  // The name libxdp gives the program it loads for AF_XDP sockets.
  constexpr std::string_view kProgram = "xsk_def_prog";
  const unsigned index = if_nametoindex(interface.c_str());
  if (index == 0) return;
  xdp_multiprog* const attached = xdp_multiprog__get_from_ifindex(static_cast<int>(index));
  if (libxdp_get_error(attached) != 0) return;
  bool ours_only = true;
  bool any = false;
  xdp_program* program = nullptr;
  while ((program = xdp_multiprog__next_prog(program, attached)) != nullptr) {
    any = true;
    ours_only = ours_only && kProgram == xdp_program__name(program);
  }
  if (!any && xdp_multiprog__is_legacy(attached)) {
    xdp_program* const main = xdp_multiprog__main_prog(attached);
    any = main != nullptr;
    ours_only = any && kProgram == xdp_program__name(main);
  }
  if (any && ours_only) (void)xdp_multiprog__detach(attached);
  xdp_multiprog__close(attached);
}

}  // namespace trawl::dataplane::internal
