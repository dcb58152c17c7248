#include "service/match/needed_text.h"

#include <cstdint>

namespace trawl::service {
namespace {

constexpr std::size_t kMostParts = 4096;

// A part of a pattern: one byte, or a gap that anything of a width may fill.
struct Part {
  enum class Kind : std::uint8_t { Byte, Gap, AnyGap };
  Kind kind = Kind::Byte;
  char byte = 0;
};
using Parts = std::vector<Part>;

constexpr Part kGap{.kind = Part::Kind::Gap};  // Of one byte.
constexpr Part kAnyGap{.kind = Part::Kind::AnyGap};

void append(Parts& parts, const Parts& more) {
  parts.insert(parts.end(), more.begin(), more.end());
}

void append_repeated(Parts& parts, const Parts& atom, std::size_t least, std::size_t most) {
  if (least == 0) {
    parts.push_back(kAnyGap);
  } else if (atom.size() > kMostParts || parts.size() > kMostParts) {
    // More than is needed; and each "(...)+" around another one would double what it holds.
    parts.push_back(kAnyGap);
  } else if (least != most || atom.size() * least > kMostParts) {
    // What stands before touches the first one, what stands after the last one; with only one
    // of them both are the same bytes, and both texts are there all the same.
    append(parts, atom);
    parts.push_back(kAnyGap);
    append(parts, atom);
  } else {
    for (std::size_t i = 0; i < least; ++i) append(parts, atom);
  }
}

Parts parts_of(const PatternNode& node) {
  Parts parts;
  switch (node.kind) {
    case PatternNode::Kind::Bytes:
      parts.push_back(node.literal ? Part{.byte = *node.literal} : kGap);
      break;
    case PatternNode::Kind::Sequence:
      for (const PatternNode& part : node.parts) append_repeated(parts, parts_of(part), 1, 1);
      break;
    case PatternNode::Kind::Repeat:
      append_repeated(parts, parts_of(node.parts.front()), node.least, node.most);
      break;
    case PatternNode::Kind::Choice:
    case PatternNode::Kind::Anything: parts.push_back(kAnyGap); break;
  }
  return parts;
}

}  // namespace

std::vector<NeededText> needed_texts(const PatternBranch& branch) {
  std::vector<NeededText> texts;
  bool is_open = false;
  std::optional<std::size_t> offset;
  if (branch.is_anchored) offset = 0;
  for (const Part& part : parts_of(branch.node)) {
    if (part.kind == Part::Kind::Byte) {
      if (!is_open) texts.push_back({.bytes = {}, .offset = offset});
      texts.back().bytes += part.byte;
    }
    is_open = part.kind == Part::Kind::Byte;
    if (part.kind == Part::Kind::AnyGap) offset.reset();
    if (offset) ++*offset;
  }
  return texts;
}

}  // namespace trawl::service
