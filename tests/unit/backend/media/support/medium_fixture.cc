#include "support/medium_fixture.h"

namespace dst::test {

MediumFixture::MediumFixture() : platter(loop, {.size_bytes = medium_bytes}) {
    make(std::make_unique<sim::SimDisk>(loop, platter, "/dev/sim"));
}

MediumFixture::~MediumFixture() { close(); }

void MediumFixture::make(std::unique_ptr<RawMedium> raw) {
    medium = std::make_unique<Medium>(loop, events, std::move(raw));
    first = std::make_unique<FakeSession>(loop);
    second = std::make_unique<FakeSession>(loop);
    medium->attach(*first);
    medium->attach(*second);
}

void MediumFixture::close() {
    bool closed = false;
    medium->close([&] { closed = true; });
    loop.run_until([&] { return closed; });
    medium->detach(*first);
    medium->detach(*second);
    loop.run_for(std::chrono::milliseconds(10));
    medium.reset();
}

void MediumFixture::restart() {
    restart_with(std::make_unique<sim::SimDisk>(loop, platter, "/dev/sim"));
    open();
}

void MediumFixture::restart_with(std::unique_ptr<RawMedium> raw) {
    close();
    make(std::move(raw));
}

void MediumFixture::kill_and_restart(const std::function<void()>& die) {
    die();
    loop.run_for(std::chrono::milliseconds(10));
    restart();
}

void MediumFixture::open() {
    medium->open();
    loop.run_until([&] { return medium->up(); }, std::chrono::seconds(60));
}

void MediumFixture::label(Label label) {
    label.sequence = 1;
    platter.write(label_copy(medium_bytes, 0).offset, encode_label(label));
}

Label MediumFixture::small_label() {
    Label label = sample_label();
    label.size_bytes = leaf_size_bytes(medium_bytes);
    label.promised = {};
    label.served = {};
    return label;
}

template <typename T>
Result<T> MediumFixture::wait(const std::function<void(Callback<T>)>& begin) {
    std::optional<Result<T>> answer;
    begin([&](Result<T> result) { answer = std::move(result); });
    EXPECT_FALSE(answer) << "answered from inside the call";
    EXPECT_TRUE(loop.run_until([&] { return answer.has_value(); }, std::chrono::minutes(2))) << "no answer";
    return answer ? *answer : Result<T>(Error{Errc::timed_out, "no answer"});
}

Result<Peek> MediumFixture::peek(FakeSession& session) {
    return wait<Peek>([&](Callback<Peek> done) { medium->peek(session, std::move(done)); });
}

Result<LabelImage> MediumFixture::promise(FakeSession& session, const Peek& seen, const Epoch& wanted) {
    return wait<LabelImage>(
        [&](Callback<LabelImage> done) { medium->promise(session, seen, wanted, std::move(done)); });
}

Result<LabelImage> MediumFixture::promise(FakeSession& session, const Epoch& wanted) {
    const Result<Peek> seen = peek(session);
    return seen ? promise(session, *seen, wanted) : Result<LabelImage>(seen.error());
}

Result<LabelImage> MediumFixture::mark_served(FakeSession& session, const Epoch& served) {
    return wait<LabelImage>([&](Callback<LabelImage> done) { medium->mark_served(session, served, std::move(done)); });
}

Result<LabelImage> MediumFixture::write_label(FakeSession& session, const Peek& seen, const LabelImage& image) {
    return wait<LabelImage>(
        [&](Callback<LabelImage> done) { medium->write_label(session, seen, image, std::move(done)); });
}

Errc MediumFixture::io(FakeSession& session, Operation operation, const Extent& extent) {
    Bytes memory(extent.length);
    const Piece piece{memory.data(), memory.size()};
    Request request;
    request.operation = operation;
    request.extent = operation == Operation::flush ? Extent{} : extent;
    if (operation == Operation::read || operation == Operation::write) request.pieces = {&piece, 1};
    const Errc allowed = medium->may_submit(session, request);
    if (allowed != Errc::ok) return allowed;
    bool ended = false;
    request.owner = &ended;
    request.done = [](Request& done) { *static_cast<bool*>(done.owner) = true; };
    medium->submit(request);
    loop.run_until([&] { return ended; });
    return request.result;
}

LabelChoice MediumFixture::on_disk() const {
    LabelCopies copies;
    for (unsigned copy = 0; copy < 2; ++copy) {
        const Bytes bytes = platter.read(label_copy(medium_bytes, copy));
        std::copy(bytes.begin(), bytes.end(), copies.images[copy].begin());
        copies.readable[copy] = true;
    }
    return choose_label(copies);
}

}  // namespace dst::test
