#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "block/block_device.h"
#include "block/loop.h"
#include "block/pool.h"

namespace dst {

/// Children one after another. Its size is the sum of theirs, each rounded down to the largest logical block among
/// them. A request is split at the seams; the first child's error in order of address is the answer. Flush goes to all.
///
/// Up while all children are; what does not touch a child that is down is carried out nevertheless, so that a root
/// linear loses only a part. Its incarnation is a hash of the children's.
class Linear final : public BlockDevice, private BlockDevice::Observer {
public:
    /// `children` in order, at least one; they belong to somebody else, outlive the linear and are closed after it.
    Linear(Loop& loop, std::string name, std::vector<BlockDevice*> children);
    ~Linear() override;

    const std::string& name() const noexcept { return name_; }
    const Geometry& geometry() const override { return geometry_; }
    bool up() const override;
    Incarnation incarnation() const override;
    void submit(Request& request) override;
    void cut(const Error& why) override;
    /// Completes what is in flight as the children answer it; does not close the children.
    void close(std::function<void()> closed) override;

    /// True when every child that `extent` touches (an empty one: all) is up.
    bool up(const Extent& extent) const;
    /// The part of the linear that child `index` is.
    Extent child_extent(std::size_t index) const;
    /// The observer that the children report to.
    BlockDevice::Observer& child_observer() noexcept { return *this; }
    /// Takes up the children's geometries as they are now; for whoever changes them while they are down.
    void refresh_geometry();

private:
    struct Job;
    struct Part;
    struct Checksum;

    void on_up(BlockDevice& device) override;
    void on_down(BlockDevice& device, const Error& why) override;
    void announce();
    std::size_t child_at(std::uint64_t offset) const;
    void start_part(Job& job, std::size_t child, const Extent& extent);
    static void part_done(Request& request);
    void finish(Job& job);
    void start_checksum(Request& request);
    void next_checksum(Checksum& sum);
    void read_checksum(Checksum& sum);
    void checksum_answered(Checksum& sum, Errc code);
    static void checksum_done(Request& request);
    void check_closed();

    Loop& loop_;
    std::string name_;
    std::vector<BlockDevice*> children_;
    std::vector<std::uint64_t> starts_;  ///< of each child, and the end
    Geometry geometry_;
    std::unique_ptr<Pool<Job>> jobs_;
    std::unique_ptr<Pool<Part>> parts_;
    std::size_t in_flight_ = 0;
    Task announce_task_;
    bool announced_up_ = false;
    bool closing_ = false;
    std::function<void()> closed_;
};

}  // namespace dst
