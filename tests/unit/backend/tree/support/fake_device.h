#pragma once

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "block/block_device.h"
#include "block/loop.h"

namespace dst {

/// A device in memory that a test drives: it answers at once, or holds requests until the test answers them, and goes
/// up and down when the test says so.
class FakeDevice final : public BlockDevice {
public:
    explicit FakeDevice(Loop& loop, std::uint64_t size_bytes = 8u << 20);

    const Geometry& geometry() const override { return geometry_; }
    bool up() const override { return up_; }
    Incarnation incarnation() const override { return incarnation_; }
    void submit(Request& request) override;
    void cut(const Error& why) override;
    void close(std::function<void()> closed) override;

    /// Goes down: what is held answers `disconnected`.
    void go_down();
    void go_up();
    /// Takes requests again, and has not told its observer yet: go_up() does.
    void come_up_untold() { up_ = true; }
    /// Down, and told why it may not come back.
    void stay_down(const Error& why) {
        go_down();
        notify_down(why);
    }
    void set_incarnation(const Incarnation& incarnation) { incarnation_ = incarnation; }
    void change_incarnation() { incarnation_.id.bytes[0] += 1; }

    /// From now on requests are held until answer() or release().
    void hold() { holding_ = true; }
    /// As hold(), but reads are answered, as from a memory above a disk that hangs.
    void hold_but_reads() {
        holding_ = true;
        reads_held_ = false;
    }
    void release();
    /// What is held stays so; requests from now on are answered at once.
    void hold_no_more() { holding_ = false; }
    /// Answers the oldest held request.
    void answer(Errc code = Errc::ok);
    std::size_t held() const { return held_.size(); }
    const Request& held_request(std::size_t index) const { return *held_.at(index); }

    /// The next `times` requests of this operation answer `code` and do nothing.
    void fail(Operation operation, Errc code, unsigned times = 1);

    /// Cannot be read until something is written there.
    void spoil(const Extent& extent) { spoilt_.push_back(extent); }

    /// Of a thin medium that is full: takes no writes there.
    void fill_up(const Extent& extent) { full_.push_back(extent); }
    void grow() { full_.clear(); }

    void clear_failures() { failures_.clear(); }

    Bytes bytes(std::uint64_t offset, std::size_t length) const;
    /// As if it had been written before.
    void put(std::uint64_t offset, const Bytes& bytes);

    Geometry geometry_;
    std::vector<std::pair<Operation, Extent>> log;  ///< as they were submitted
    unsigned cuts = 0;

private:
    struct Failure {
        Operation operation;
        Errc code;
        unsigned times;
    };

    Errc carry_out(Request& request);

    Loop& loop_;
    Bytes bytes_;
    Incarnation incarnation_;
    bool up_ = true;
    bool holding_ = false;
    bool reads_held_ = true;
    std::deque<Request*> held_;
    std::vector<Failure> failures_;
    std::vector<Extent> spoilt_;
    std::vector<Extent> full_;
};

}  // namespace dst
