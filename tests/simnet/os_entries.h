#pragma once

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

// Entries of our own, in the format of OS databases, for the tests of simulated hosts.
namespace trawl::simnet {

inline constexpr char kPoints[] =
    "MatchPoints\n"
    "SEQ(SP=25%GCD=75%ISR=25%TI=100%CI=50%II=100%SS=80%TS=100)\n"
    "OPS(O1=20%O2=20%O3=20%O4=20%O5=20%O6=20)\n"
    "WIN(W1=15%W2=15%W3=15%W4=15%W5=15%W6=15)\n"
    "ECN(R=100%DF=20%T=15%TG=15%W=15%O=15%CC=100%Q=20)\n"
    "T1(R=100%DF=20%T=15%TG=15%S=20%A=20%F=30%RD=20%Q=20)\n"
    "T2(R=80%DF=20%T=15%TG=15%W=25%S=20%A=20%F=30%O=10%RD=20%Q=20)\n"
    "T3(R=80%DF=20%T=15%TG=15%W=25%S=20%A=20%F=30%O=10%RD=20%Q=20)\n"
    "T4(R=100%DF=20%T=15%TG=15%W=25%S=20%A=20%F=30%O=10%RD=20%Q=20)\n"
    "T5(R=100%DF=20%T=15%TG=15%W=25%S=20%A=20%F=30%O=10%RD=20%Q=20)\n"
    "T6(R=100%DF=20%T=15%TG=15%W=25%S=20%A=20%F=30%O=10%RD=20%Q=20)\n"
    "T7(R=80%DF=20%T=15%TG=15%W=25%S=20%A=20%F=30%O=10%RD=20%Q=20)\n"
    "U1(R=50%DF=20%T=15%TG=15%IPL=100%UN=100%RIPL=100%RID=100%RIPCK=100%RUCK=100%RUD=100)\n"
    "IE(R=50%DFI=40%T=15%TG=15%CD=100)\n\n";

// Everything answers, in common ways.
inline constexpr char kCommon[] =
    "Fingerprint Common stack\n"
    "Class Test | Common | 1.X | general purpose\n"
    "SEQ(SP=FB-107%GCD=1-6%ISR=105-10F%TI=Z%CI=I%II=I%TS=A)\n"
    "OPS(O1=M5B4ST11NW7%O2=M578ST11NW7%O3=M280NNT11NW7%O4=M5B4ST11NW7%O5=M218ST11NW7%O6=M109ST11)\n"
    "WIN(W1=FE88%W2=FE88%W3=FE88%W4=FE88%W5=FE88%W6=FE88)\n"
    "ECN(R=Y%DF=Y%T=3B-45%TG=40%W=FAF0%O=M5B4NNSNW7%CC=Y%Q=)\n"
    "T1(R=Y%DF=Y%T=3B-45%TG=40%S=O%A=S+%F=AS%RD=0%Q=)\n"
    "T2(R=N)\n"
    "T3(R=N)\n"
    "T4(R=Y%DF=Y%T=3B-45%TG=40%W=0%S=A%A=Z%F=R%O=%RD=0%Q=)\n"
    "T5(R=Y%DF=Y%T=3B-45%TG=40%W=0%S=Z%A=S+%F=AR%O=%RD=0%Q=)\n"
    "T6(R=Y%DF=Y%T=3B-45%TG=40%W=0%S=A%A=Z%F=R%O=%RD=0%Q=)\n"
    "T7(R=Y%DF=Y%T=3B-45%TG=40%W=0%S=Z%A=S+%F=AR%O=%RD=0%Q=)\n"
    "U1(DF=N%T=3B-45%TG=40%IPL=164%UN=0%RIPL=G%RID=G%RIPCK=G%RUCK=G%RUD=G)\n"
    "IE(DFI=N%T=3B-45%TG=40%CD=S)\n\n";

// Every unusual answer that a test tells.
inline constexpr char kOdd[] =
    "Fingerprint Odd stack\n"
    "Class Test | Odd || router\n"
    "SEQ(SP=0-5%GCD=FA00%ISR=94-9E%TI=BI%CI=RD%II=RI%SS=O%TS=0)\n"
    "OPS(O1=WANM109T01S%O2=T00LL%O3=M5B4NW0NNT00NNS%O4=T00LL%O5=T01LL%O6=T00LL)\n"
    "WIN(W1=0-5|80%W2=>FFF0%W3=<3%W4=1%W5=FFFF%W6=2)\n"
    "ECN(R=Y%DF=N%T=FA-104%TG=FF%W=1%O=L|LLLL%CC=O%Q=RU)\n"
    "T1(R=Y%DF=N%T=FA-104%TG=FF%S=O%A=O%F=AS%RD=0%Q=U)\n"
    "T2(R=Y%DF=N%T=FA-104%TG=FF%W=80%S=A+%A=S%F=EUPRS%O=WANM109T10S%RD=1F59B3D4%Q=R)\n"
    "T3(R=Y%DF=Y%T=19-23%TG=20%W=3%S=Z%A=Z%F=AR%O=%RD=EA6C967D%Q=)\n"
    "T4(R=Y%DF=N%T=7B-85%TG=80%W=5B4%S=A+%A=S%F=RF%O=M5B4%RD=00000001%Q=)\n"
    "T5(R=Y%DF=N%T=FA-104%TG=FF%W=0%S=O%A=O%F=ARF%O=%RD=FFFFFFFF%Q=RU)\n"
    "T6(R=Y%DF=Y%T=FA-104%TG=FF%W=0%S=A+%A=S+%F=APR%O=%RD=44BD347E%Q=)\n"
    "T7(R=Y%DF=N%T=FA-104%TG=FF%W=0%S=A%A=S%F=UAPR%O=%RD=0%Q=)\n"
    "U1(DF=Y%T=FA-104%TG=FF%IPL=240%UN=1-FFFF%RIPL=15C%RID=4210%RIPCK=Z%RUCK=8582%RUD=I)\n"
    "IE(DFI=O%T=FA-104%TG=FF%CD=Z)\n\n";

inline constexpr char kQuiet[] =
    "Fingerprint Quiet stack\n"
    "Class Test | Quiet || firewall\n"
    "SEQ(CI=RI%TS=U)\n"
    "OPS(R=N)\n"
    "WIN(R=N)\n"
    "ECN(R=N)\n"
    "T1(R=Y%DF=N%T=40%TG=40%S=O%A=S+%F=AS%RD=0%Q=)\n"
    "T2(R=N)\nT3(R=N)\nT4(R=N)\n"
    "T5(R=Y%DF=N%T=40%TG=40%W=0%S=Z%A=S+%F=AR%O=%RD=0%Q=)\n"
    "T6(R=Y%DF=N%T=40%TG=40%W=0%S=A%A=Z%F=R%O=%RD=0%Q=)\n"
    "T7(R=N)\nU1(R=N)\nIE(R=N)\n\n";

// A file that is gone with it.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& text) {
    static int number = 0;
    path_ = std::filesystem::temp_directory_path() /
            fmt::format("personality_test.{}.{}", getpid(), number++);
    std::ofstream{path_} << text;
  }
  ~TemporaryFile() { std::filesystem::remove(path_); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  TemporaryFile(TemporaryFile&&) = delete;
  TemporaryFile& operator=(TemporaryFile&&) = delete;
  [[nodiscard]] std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace trawl::simnet
