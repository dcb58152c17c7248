#pragma once

#include <atomic>
#include <cstdint>

// A program that links counted_new.cc counts the allocations of every thread but its control
// thread.
//
// The replaced operators are in a source file of their own: where the compiler can inline them, it
// sees malloc() and free() behind new and delete, and warns of a mismatch that is none.
namespace trawl::dataplane {

extern std::atomic<bool> counting_allocations;
extern std::atomic<std::uint64_t> allocations;  // Seen while counting_allocations was set.
extern thread_local bool is_control_thread;

}  // namespace trawl::dataplane
