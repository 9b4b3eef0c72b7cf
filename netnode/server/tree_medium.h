#pragma once

#include <functional>
#include <memory>
#include <string>

#include "asio/asio_loop.h"
#include "block/raw_medium.h"
#include "config/spec.h"
#include "head/open_storage.h"

namespace dst {

/// A whole tree as one medium: an exported storage of its own, opened here by a head of its own. The label of what is
/// above lies at the end of the tree's device; the tree's own labels lie on its leaves. The tree must be initialised.
class TreeMedium : public RawMedium, private OpenStorage::Observer, private BlockDevice::Observer {
public:
    TreeMedium(AsioLoop& loop, spec::Storage storage, HeadOptions options);
    ~TreeMedium() override;

    void open() override;
    void probe(Callback<Probe> done) override;
    /// A tree is what its file says.
    void look_at_name(std::function<void(NameFinding)> done) override;
    const std::string& name() const override { return name_; }

    const Geometry& geometry() const override { return geometry_; }
    bool up() const override { return up_; }
    Incarnation incarnation() const override { return incarnation_; }
    void submit(Request& request) override;
    void cut(const Error& why) override;
    void close(std::function<void()> closed) override;

private:
    enum class Stage { none, starting, serving, ending };

    void on_sized() override {}
    void on_serving() override;
    void on_failed(const Error& why) override;
    void on_up(BlockDevice& device) override;
    void on_down(BlockDevice& device, const Error& why) override;

    void start();
    void come_up();
    void tell_down(const Error& why);
    void waited();
    void end_storage();
    void storage_ended();

    AsioLoop& loop_;
    spec::Storage spec_;
    HeadOptions options_;
    std::string name_;
    std::unique_ptr<OpenStorage> storage_;
    Stage stage_ = Stage::none;
    bool wanted_ = false;  ///< open() was called and not answered yet
    bool up_ = false;
    bool fenced_ = false;
    Geometry geometry_;
    Incarnation incarnation_;
    Error why_down_;
    Task down_notice_;
    Task up_notice_;
    Timer patience_;
    Callback<Probe> probed_;
    std::shared_ptr<int> life_ = std::make_shared<int>(0);  ///< lets a probe that comes too late notice
    std::function<void()> closed_;
};

}  // namespace dst
