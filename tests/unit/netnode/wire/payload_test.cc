#include "wire/payload.h"

#include <gtest/gtest.h>

#include "support/vectors.h"
#include "wire/frame.h"

namespace dst::test {
namespace {

Bytes bytes_of(std::string_view text) {
    Bytes bytes;
    for (const char c : text) bytes.push_back(static_cast<std::byte>(c));
    return bytes;
}

/// Every shorter payload, and one with a byte more, must be refused.
template <typename Decode>
void expect_exact(const Bytes& good, Decode decode) {
    EXPECT_TRUE(decode(std::span<const std::byte>(good)));
    for (std::size_t size = 0; size<good.size(); size += good.size()> 500 && size > 100 ? 97 : 1) {
        EXPECT_FALSE(decode(std::span<const std::byte>(good).first(size))) << size;
    }
    Bytes longer = good;
    longer.push_back(std::byte{0});
    EXPECT_FALSE(decode(std::span<const std::byte>(longer)));
}

wire::Open open() {
    wire::Open open;
    open.export_name = "disk0";
    open.storage = id_of(1);
    open.place = "/2.0";
    open.epoch = {12, id_of(2)};
    open.head = "tgtd[1234] on alpha";
    open.connection = id_of(3);
    open.replaces = id_of(4);
    return open;
}

wire::OpenAnswer an_open_answer() {
    wire::OpenAnswer answer;
    answer.geometry = {1u << 20, 512, 4096, true, false};
    answer.label_state = LabelState::damaged;
    answer.medium = id_of(5);
    answer.incarnation.id = id_of(6);
    answer.requests_max = 1;
    answer.request_bytes_max = 65536;
    answer.range_bytes_max = 65536;
    answer.buffer_bytes_max = 65536;
    return answer;
}

Peek a_peek() {
    Peek peek;
    peek.label_state = LabelState::valid;
    peek.label.fill(std::byte{9});
    peek.incarnation.id = id_of(6);
    return peek;
}

TEST(WirePayload, HelloRoundTrips) {
    const wire::Hello hello{1, 3, 5, "dst-netnode 0.1.0"};
    EXPECT_EQ(*wire::decode_hello(wire::encode(hello)), hello);
    expect_exact(wire::encode(hello), &wire::decode_hello);
}

TEST(WirePayload, HelloWithVersionsTheWrongWayRoundIsRefused) {
    EXPECT_FALSE(wire::decode_hello(wire::encode(wire::Hello{3, 1, 0, ""})));
}

TEST(WirePayload, OpenRoundTrips) {
    EXPECT_EQ(*wire::decode_open(wire::encode(open())), open());
    expect_exact(wire::encode(open()), &wire::decode_open);
}

TEST(WirePayload, OpenNeedsAnExportAndAConnectionOtherThanTheOneItReplaces) {
    wire::Open nameless = open();
    nameless.export_name.clear();
    EXPECT_FALSE(wire::decode_open(wire::encode(nameless)));
    wire::Open unnamed = open();
    unnamed.connection = {};
    EXPECT_FALSE(wire::decode_open(wire::encode(unnamed)));
    wire::Open itself = open();
    itself.replaces = itself.connection;
    EXPECT_FALSE(wire::decode_open(wire::encode(itself)));
}

TEST(WirePayload, OpenWithATextOverTheLimitIsRefused) {
    wire::Open open_long = open();
    open_long.head = std::string(256, 'x');
    EXPECT_FALSE(wire::decode_open(wire::encode(open_long)));
}

TEST(WirePayload, OpenAnswerRoundTrips) {
    EXPECT_EQ(*wire::decode_open_answer(wire::encode(an_open_answer())), an_open_answer());
    expect_exact(wire::encode(an_open_answer()), &wire::decode_open_answer);
}

struct BadOpenAnswer {
    const char* name;
    void (*change)(wire::OpenAnswer&);
};

class WireOpenAnswerBad : public testing::TestWithParam<BadOpenAnswer> {};

TEST_P(WireOpenAnswerBad, IsRefused) {
    wire::OpenAnswer answer = an_open_answer();
    GetParam().change(answer);
    EXPECT_FALSE(wire::decode_open_answer(wire::encode(answer)));
}

INSTANTIATE_TEST_SUITE_P(
    All, WireOpenAnswerBad,
    testing::Values(BadOpenAnswer{"BlockNoPowerOfTwo", [](auto& a) { a.geometry.logical_block_bytes = 1000; }},
                    BadOpenAnswer{"BlockTooSmall", [](auto& a) { a.geometry.logical_block_bytes = 256; }},
                    BadOpenAnswer{"PhysicalBelowLogical", [](auto& a) { a.geometry.logical_block_bytes = 8192; }},
                    BadOpenAnswer{"SizeNoMultiple", [](auto& a) { a.geometry.size_bytes += 1; }},
                    BadOpenAnswer{"NoRequests", [](auto& a) { a.requests_max = 0; }},
                    BadOpenAnswer{"RequestBytes", [](auto& a) { a.request_bytes_max = 65537; }},
                    BadOpenAnswer{"RangeBytes", [](auto& a) { a.range_bytes_max = 0; }},
                    BadOpenAnswer{"BufferBytes", [](auto& a) { a.buffer_bytes_max = 65535; }},
                    BadOpenAnswer{"LabelState", [](auto& a) { a.label_state = static_cast<LabelState>(4); }}),
    [](const auto& of) { return std::string(of.param.name); });

TEST(WirePayload, PeekRoundTripsWithAndWithoutALiveHead) {
    Peek live = a_peek();
    live.live = LiveHead{{7, id_of(3)}, "tgtd[7] on alpha"};
    const auto decoded = wire::decode_peek(wire::encode(live));
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->live, live.live);
    EXPECT_EQ(decoded->label, live.label);
    EXPECT_EQ(decoded->incarnation, live.incarnation);
    EXPECT_EQ(wire::decode_peek(wire::encode(a_peek()))->live, std::nullopt);
    expect_exact(wire::encode(live), &wire::decode_peek);
}

TEST(WirePayload, TheNameOfALiveHeadIsBoundedPrintableAndOfSomebody) {
    Peek live = a_peek();
    live.live = LiveHead{{7, id_of(3)}, "a\nb" + std::string(300, 'x')};
    EXPECT_EQ(wire::decode_peek(wire::encode(live))->live->name, "a?b" + std::string(252, 'x'));
    Bytes nobody = wire::encode(a_peek());
    nobody[nobody.size() - 2] = std::byte{1};
    nobody.push_back(std::byte{'x'});
    EXPECT_FALSE(wire::decode_peek(nobody));
}

TEST(WirePayload, ProbeRoundTripsAndCutsWhatIsTooLong) {
    const Probe probe{LabelState::unreadable, std::string(300, 'x'), true};
    const auto decoded = wire::decode_probe(wire::encode(probe));
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->label_state, LabelState::unreadable);
    EXPECT_EQ(decoded->found, std::string(255, 'x'));
    EXPECT_TRUE(decoded->zeroes_known);
    expect_exact(wire::encode(probe), &wire::decode_probe);
}

TEST(WirePayload, PromiseServedAndLabelRoundTrip) {
    const auto promise = wire::decode_promise(wire::encode(wire::PromiseOrder{a_peek(), {4, id_of(1)}}));
    ASSERT_TRUE(promise);
    EXPECT_EQ(promise->epoch, (Epoch{4, id_of(1)}));
    EXPECT_EQ(promise->seen.label, a_peek().label);
    expect_exact(wire::encode(wire::PromiseOrder{a_peek(), {4, id_of(1)}}), &wire::decode_promise);
    expect_exact(wire::encode(Epoch{4, id_of(1)}), &wire::decode_epoch);
    LabelImage image;
    image.fill(std::byte{0x11});
    expect_exact(wire::encode(wire::LabelOrder{a_peek(), image}), &wire::decode_label_order);
    expect_exact(wire::encode(image), &wire::decode_label_image);
    EXPECT_EQ(*wire::decode_label_image(wire::encode(image)), image);
}

TEST(WirePayload, AnEpochOfNumberZeroIsNoneAndRefused) {
    EXPECT_FALSE(wire::decode_epoch(wire::encode(Epoch{})));
    EXPECT_FALSE(wire::decode_promise(wire::encode(wire::PromiseOrder{a_peek(), {}})));
}

TEST(WireReason, IsCutAtACharactersBoundary) {
    EXPECT_EQ(wire::bounded_reason("short"), "short");
    const std::string text = std::string(511, 'x') + "\xc3\xa4";
    EXPECT_EQ(wire::bounded_reason(text), std::string(511, 'x'));
}

TEST(WireReason, MalformedUtf8AndControlCharactersBecomeQuestionMarks) {
    EXPECT_EQ(wire::printable_reason(bytes_of("a\nb\x7f")), "a?b?");
    EXPECT_EQ(wire::printable_reason(bytes_of("gr\xc3\xbc\xc3\x9f")), "gr\xc3\xbc\xc3\x9f");
    EXPECT_EQ(wire::printable_reason(bytes_of("\xff\xc3")), "??");
    EXPECT_EQ(wire::printable_reason(bytes_of("\xc0\x80")), "??");                // overlong
    EXPECT_EQ(wire::printable_reason(bytes_of("\xed\xa0\x80")), "???");           // a surrogate
    EXPECT_EQ(wire::printable_reason(bytes_of("\xe2\x82\xac")), "\xe2\x82\xac");  // the euro sign
    EXPECT_EQ(wire::printable_reason(bytes_of("\xc2\x9b")), "?");                 // a C1 control character
}

}  // namespace
}  // namespace dst::test
