#include "semblance/io/pickle.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "io/reader_test.h"

namespace semblance {
namespace {

using testing::as_bytes;
using testing::le;
using testing::message_of;

using namespace std::string_literals;

constexpr std::array<std::string_view, 3> kGlobals = {"collections.OrderedDict", "a.b.make",
                                                      "torch.FloatStorage"};

// A pickle with the text it was read from.
struct Loaded {
  explicit Loaded(std::string bytes)
      : text(std::move(bytes)), reader(as_bytes(text), "p"), pickle(reader, kGlobals) {}
  const PickleValue& root() const { return pickle[pickle.root()]; }
  std::string text;
  ByteReader reader;
  Pickle pickle;
};

std::string pickle_refusal(const std::string& bytes) {
  return message_of<FormatError>([&] { Loaded{bytes}; });
}

std::string described(const std::string& bytes) {
  const Loaded loaded(bytes);
  return loaded.pickle.describe(loaded.pickle.root());
}

TEST(Pickle, ReadsSimpleValuesInEveryEncoding) {
  EXPECT_EQ(described("\x80\x02N."), "None");
  EXPECT_EQ(described("\x88."), "True");
  EXPECT_EQ(described("\x89."), "False");
  EXPECT_EQ(described("I01\n."), "True");
  EXPECT_EQ(described("K\xFF."), "the integer 255");
  EXPECT_EQ(described("M\xFF\xFF."), "the integer 65535");
  EXPECT_EQ(described("J\xFE\xFF\xFF\xFF."), "the integer -2");
  EXPECT_EQ(described("I-17\n."), "the integer -17");
  EXPECT_EQ(described("L123456789012L\n."), "the integer 123456789012");
  EXPECT_EQ(described("L123456789012345678901234567890L\n."), "a large integer");
  EXPECT_EQ(described("\x8a\x00."s), "the integer 0");
  EXPECT_EQ(described("\x8a\x01\xFF."), "the integer -1");
  EXPECT_EQ(described("\x8a\x02\xFF\x00."s), "the integer 255");
  EXPECT_EQ(described("\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80."s),
            "the integer -9223372036854775808");
  EXPECT_EQ(described("\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x80\x00."s), "a large integer");
  EXPECT_EQ(described("\x8b\x01\x00\x00\x00\x07."s), "the integer 7");
  EXPECT_EQ(described("G\x3f\xf0\x00\x00\x00\x00\x00\x00."s), "a float");
  EXPECT_EQ(described("X\x02\x00\x00\x00hi."s), "\"hi\"");
  EXPECT_EQ(described("T\x02\x00\x00\x00hi."s), "\"hi\"");
  EXPECT_EQ(described("U\x02hi."), "\"hi\"");
  EXPECT_EQ(described("\x8c\x02hi."), "\"hi\"");
  EXPECT_EQ(described(")."), "a tuple of 0");
  EXPECT_EQ(described("(K\x01K\x02K\x03K\x04t."), "a tuple of 4");
  EXPECT_EQ(described("K\x01\x85."), "a tuple of 1");
  EXPECT_EQ(described("K\x01K\x02\x86."), "a tuple of 2");
  EXPECT_EQ(described("K\x01K\x02K\x03\x87."), "a tuple of 3");
}

TEST(Pickle, BuildsContainersAndRemembers) {
  const Loaded list(
      "](K\x01K\x02"
      "eK\x03"
      "a.");
  ASSERT_EQ(list.pickle.items(list.pickle.root()).size(), 3u);
  EXPECT_EQ(list.pickle[list.pickle.items(list.pickle.root())[2]].number, 3);

  const Loaded dict(
      "}q\x07(U\x01"
      "aK\x01U\x01"
      "bh\x07uU\x01"
      "cNs.");
  const auto items = dict.pickle.items(dict.pickle.root());
  ASSERT_EQ(items.size(), 6u);
  EXPECT_EQ(dict.pickle[items[2]].text, "b");
  EXPECT_EQ(items[3], dict.pickle.root()) << "a cycle is fine";

  EXPECT_EQ(described("K\x05r\xFF\xFF\xFF\xFF"
                      "\x85j\xFF\xFF\xFF\xFF\x86."),
            "a tuple of 2");
  EXPECT_EQ(described("\x80\x04\x95\x05\x00\x00\x00\x00\x00\x00\x00K\x05\x94h\x00\x86."s),
            "a tuple of 2");
}

TEST(Pickle, OrderedDictsOfBothPythonsAreDictionaries) {
  EXPECT_EQ(described("ccollections\nOrderedDict\n)R."), "a dictionary");
  const Loaded python2(
      "ccollections\nOrderedDict\n](](U\x01"
      "aK\x01"
      "e](U\x01"
      "bK\x02"
      "ee\x85R.");
  const auto items = python2.pickle.items(python2.pickle.root());
  ASSERT_EQ(items.size(), 4u);
  EXPECT_EQ(python2.pickle[items[2]].text, "b");
  EXPECT_EQ(python2.pickle[items[3]].number, 2);
  // Attributes set on one are passed over.
  EXPECT_EQ(described("ccollections\nOrderedDict\n)R}U\x09_metadataNsb."), "a dictionary");
}

TEST(Pickle, CallsAreDescribedAndNotMade) {
  const Loaded call("ca.b\nmake\nK\x05\x85R.");
  EXPECT_TRUE(call.pickle.is_call(call.pickle.root(), "a.b.make"));
  EXPECT_FALSE(call.pickle.is_call(call.pickle.root(), "torch.FloatStorage"));
  EXPECT_EQ(call.pickle.describe(call.pickle.root()), "a a.b.make");
  EXPECT_EQ(described("\x80\x04\x8c\x03"
                      "a.b\x8c\x04make\x93."),
            "a.b.make");
  EXPECT_EQ(described("K\x05Q."), "a storage");
}

TEST(Pickle, ReadsOneOfSeveralInARow) {
  const std::string bytes = "\x80\x02K\x01.\x80\x02K\x02.rest";
  ByteReader reader(as_bytes(bytes), "p");
  const Pickle first(reader, kGlobals);
  const Pickle second(reader, kGlobals);
  EXPECT_EQ(first[first.root()].number, 1);
  EXPECT_EQ(second[second.root()].number, 2);
  EXPECT_EQ(reader.remaining(), 4u);
}

TEST(Pickle, AnyImportOutsideTheListIsRefusedByName) {
  EXPECT_EQ(pickle_refusal("\x80\x02"
                           "cos\nsystem\n(U\x04"
                           "evilt\x85R."),
            "p: byte 13: expected only the imports of a state dict, found \"os.system\"");
  for (const std::string_view global :
       {"posix\nsystem\n", "builtins\neval\n", "__builtin__\nexec\n", "subprocess\nPopen\n",
        "collections\nOrderedDict.x\n", "collections\n\n", "\n\n", "a\nb.make.x\n", "torch\nload\n",
        "collections.OrderedDict\n\n", "\ncollections.OrderedDict\n", "a.b\nmak\n",
        "xa.b\nmake\n"}) {
    pickle_refusal("c" + std::string(global) + ".");
  }
  // The same import, however its name is divided, is what Python would not find either.
  EXPECT_EQ(described("ca\nb.make\n."), "a.b.make");
  pickle_refusal("\x8c\x02os\x8c\x06system\x93.");
  pickle_refusal("K\x01\x8c\x06system\x93.");
  pickle_refusal("c" + std::string(100'000, 'm') + "\nx\n.");
  pickle_refusal("cos\x1b\x01\nsystem\n.");
}

TEST(Pickle, OpcodesOutsideTheClosedSetAreRefusedByNumber) {
  EXPECT_EQ(pickle_refusal("\x80\x02(ios\nsystem\n."),
            "p: byte 4: expected an opcode that a state dict needs, found opcode 0x69");
  const std::string known =
      "\x80\x95(N\x88\x89)]}KMJ\x8a\x8bILGXTU\x8ct\x85\x86\x87"
      "aesucR\x93Qbqr\x94hj.";
  for (int opcode = 0; opcode < 256; ++opcode) {
    if (known.find(static_cast<char>(opcode)) != std::string::npos) continue;
    EXPECT_NE(pickle_refusal(std::string(1, static_cast<char>(opcode))).find("found opcode 0x"),
              std::string::npos)
        << opcode;
  }
}

TEST(Pickle, TheStackCannotBeAbused) {
  for (const std::string& bytes :
       {"."s, "NN."s, "(."s, "N(."s, "(N."s, "t."s, "e."s, "u."s, "a."s, "s."s, "R."s, "b."s, "Q."s,
        "\x85."s, "N\x86."s, "NN\x87."s, "q\x00."s, "\x94."s, "h\x00."s, "j\x00\x00\x00\x00."s,
        // Below a mark there is nothing to take.
        "N(q\x00."s, "N(a."s, "](Na."s, "}(NNs."s, "N(\x85."s, "N(Q."s,
        // Not the container that the opcode needs.
        "NNa."s, "}Na."s, ")Na."s, "](NNu."s, "]NNs."s, ")NNs."s, "}(Ne."s, "}(Nu."s, "NNb."s,
        "]Nb."s, "K\x01Nb."s,
        // Calls of things that cannot be called.
        "N)R."s, "U\x02os)R."s, "))R."s, "ca.b\nmake\nNR."s, "ca.b\nmake\n]R."s,
        "ca.b\nmake\n)R)R."s, "ca.b\nmake\n}b."s,
        // An OrderedDict of something else than pairs.
        "ccollections\nOrderedDict\n](K\x01"
        "e\x85R."s,
        "ccollections\nOrderedDict\n]()e\x85R."s}) {
    pickle_refusal(bytes);
  }
}

TEST(Pickle, EveryCutIsRefused) {
  const std::string whole =
      "\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x00}q\x00(U\x01"
      "aX\x02\x00\x00\x00hi\x8a\x02zz"
      "M\x01\x02J\x01\x02\x03\x04"
      "ca.b\nmake\n)RG12345678r\x07\x00\x00\x00I12\nu."s;
  EXPECT_EQ(described(whole), "a dictionary");
  for (std::size_t length = 0; length < whole.size(); ++length)
    pickle_refusal(whole.substr(0, length));
}

TEST(Pickle, DeclaredLengthsBeyondTheFileAreRefused) {
  pickle_refusal("X\xFF\xFF\xFF\xFFhi."s);
  pickle_refusal("T\xFF\xFF\xFF\x7Fhi."s);
  pickle_refusal("U\xFFhi."s);
  pickle_refusal("\x8c\xFFhi."s);
  pickle_refusal("\x8a\xFFhi."s);
  pickle_refusal("\x8b\xFF\xFF\xFF\xFFhi."s);
  pickle_refusal("\x95\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFFN."s);
  pickle_refusal("\x80\x06N."s);
  pickle_refusal("I12x\n."s);
  pickle_refusal("I\n."s);
  pickle_refusal("L\n."s);
  pickle_refusal("I 1\n."s);
}

TEST(Pickle, DepthBombsAndLongProgramsCostNoStack) {
  EXPECT_EQ(described(std::string(300'000, ']') + std::string(299'999, 'a') + "."), "a list");
  EXPECT_EQ(described("N" + std::string(500'000, '\x85') + "."), "a tuple of 1");
  pickle_refusal(std::string(500'000, '(') + ".");
  const std::string long_text(Pickle::kMaxBytes, 'x');
  EXPECT_EQ(described("X" + le(std::uint32_t{Pickle::kMaxBytes - 8}) +
                      long_text.substr(0, Pickle::kMaxBytes - 8) + "."),
            "\"" + long_text.substr(0, 80) + "\"");
  EXPECT_NE(pickle_refusal("X" + le(std::uint32_t{Pickle::kMaxBytes}) + long_text + ".")
                .find("a pickle of at most"),
            std::string::npos);
}

TEST(Pickle, OneListCannotBeCopiedIntoManyDictionaries) {
  // 10000 pairs, then 10000 dictionaries made of them: 10^8 members if each was a copy.
  std::string bytes = "](";
  for (int i = 0; i < 10'000; ++i) bytes += "NN\x86";
  bytes += "e\x85q\x00"s;
  bytes += "ccollections\nOrderedDict\nq\x01"s;
  for (int i = 0; i < 10'000; ++i) bytes += "h\x01h\x00R"s;
  EXPECT_NE(pickle_refusal(bytes + ".").find("a list used many times"), std::string::npos);
}

}  // namespace
}  // namespace semblance
