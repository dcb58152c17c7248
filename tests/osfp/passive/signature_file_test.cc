#include "osfp/passive/signature_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace trawl::osfp {
namespace {

std::string problem(std::string_view text) {
  const auto file = SignatureFile::parse(text, "own.fp");
  return file ? std::string{"fine"} : file.error().message;
}

TEST(SignatureFile, ReadsTheSectionOfSynAcksAlone) {
  const auto file = SignatureFile::parse(
      "; a comment\n"
      "classes = win,unix\n"
      "[mtu]\n"
      "label = Ethernet\n"
      "sig   = 1500\n"
      "[tcp:request]\n"
      "label = s:unix:Linux:SYN\n"
      "sig   = not looked at\n"
      "\t[tcp:response]\r\n"
      "label = g:unix:Linux:\n"
      "sig   = *:64:0:*:*,*:mss::0\n"
      "sys   = @unix\n"
      "sig   = 4:64:0:*:*,*:ts::0\n"
      "label = s:!:scanner:2.x\n"
      "sig   = 4:255:0:*:*,*:::0\n"
      "[http:request]\n"
      "sig = 1:Host:X:Y",
      "own.fp");
  ASSERT_TRUE(file.has_value()) << file.error().message;
  ASSERT_EQ(file->labels.size(), 2U);
  EXPECT_TRUE(file->labels[0].is_generic);
  EXPECT_EQ(file->labels[0].family, "Linux");
  EXPECT_EQ(file->labels[1].os_class, "!");
  EXPECT_EQ(file->labels[1].version, "2.x");
  ASSERT_EQ(file->entries.size(), 3U);
  EXPECT_EQ(file->entries[0].line, 11U);
  EXPECT_EQ(file->entries[1].label, 0U);
  EXPECT_EQ(file->entries[2].label, 1U);
}

TEST(SignatureFile, ErrorsNameFileAndLine) {
  EXPECT_EQ(problem("\n[tcp:response\n"), "own.fp:2: the bracket of the section is not closed");
  EXPECT_EQ(problem("[tcp:response]\nsig = *:64:0:*:*,*:mss::0\n"),
            "own.fp:2: a label must come before the signatures of a section");
  EXPECT_EQ(problem("[tcp:response]\nlabel = Linux\n"),
            "own.fp:2: label 'Linux' is not of the form s:CLASS:NAME:VERSION, or g: for a generic "
            "one");
  EXPECT_EQ(problem("[tcp:response]\nlabel = s:unix:A:\nsig = *:64:0:*:*,*:mss::2\n"),
            "own.fp:3: payload class '2' is not 0, + or *");
  EXPECT_EQ(problem("[tcp:response]\ncolour = red\n"),
            "own.fp:2: 'colour' is not known here; a section of SYN-ACKs has label, sys and sig");
  EXPECT_EQ(problem("what\n"),
            "own.fp:1: is neither a section in brackets, a line 'name = value' nor a comment after "
            "';'");
  EXPECT_EQ(problem("[tcp:response]\nlabel = s:unix:A:\x01\n").substr(0, 9), "own.fp:2:");
}

TEST(SignatureFile, ALabelEndsWithItsSection) {
  EXPECT_EQ(problem("[tcp:response]\nlabel = s:unix:A:\n[tcp:response]\nsig = *:64:0:*:*,*:::0\n"),
            "own.fp:4: a label must come before the signatures of a section");
}

TEST(SignatureFile, AFileThatIsNotThereIsNamed) {
  const auto file = SignatureFile::read("/nonexistent/os.fp");
  ASSERT_FALSE(file.has_value());
  EXPECT_EQ(file.error().message, "cannot read the signature file /nonexistent/os.fp");
  EXPECT_FALSE(SignatureFile::read("/").has_value());
}

TEST(SignatureFile, OursIsSound) {
  const auto file = SignatureFile::parse(builtin_signature_text(), "data/os-signatures");
  ASSERT_TRUE(file.has_value()) << file.error().message;
  EXPECT_GE(file->entries.size(), 40U);
  for (const auto& entry : file->entries) {
    const auto again = Signature::parse(entry.signature.print());
    ASSERT_TRUE(again.has_value());
    EXPECT_EQ(again->print(), entry.signature.print());
  }
}

}  // namespace
}  // namespace trawl::osfp
