#pragma once

#include <functional>
#include <memory>
#include <string>

#include "block/leaf.h"
#include "block/pool.h"
#include "media/medium.h"
#include "media/medium_pin.h"

namespace dst {

/// A leaf on a disk of this machine: a Medium of its own with one session. Guarded against other heads on this machine
/// by the raw medium's lock (M6).
class LocalLeaf : public Leaf, private Medium::Session {
public:
    LocalLeaf(Loop& loop, EventSink& events, std::unique_ptr<RawMedium> raw);
    ~LocalLeaf() override;

    const std::string& name() const override { return medium_.name(); }
    void open() override;
    void assume_geometry(const Geometry& geometry) override;
    void set_identity(const LeafIdentity& identity) override;
    const Error& last_error() const override { return medium_.last_error(); }
    bool found_another() const override { return found_another_ && last_error().code == Errc::refused; }
    void peek(Callback<Peek> done) override;
    void probe(Callback<Probe> done) override;
    void promise(const Peek& seen, const Epoch& wanted, Callback<LabelImage> done) override;
    void mark_served(const Epoch& served, Callback<LabelImage> done) override;
    void write_label(const Peek& seen, const LabelImage& image, Callback<LabelImage> done) override;

    const Geometry& geometry() const override;
    bool up() const override { return medium_.up(); }
    Incarnation incarnation() const override { return medium_.incarnation(); }
    void submit(Request& request) override;
    void cut(const Error& why) override;
    void close(std::function<void()> closed) override;

private:
    /// A request on its way through the raw medium: whose it is, to be put back before it completes.
    struct Passage {
        LocalLeaf* leaf = nullptr;
        void (*done)(Request&) = nullptr;
        void* owner = nullptr;
    };

    Error check_pin(const LabelChoice& label, const Geometry& found);
    void pin();
    void fence(const Epoch& by, std::function<void()> ended) override;
    void on_medium_up() override;
    void on_medium_down(const Error& why) override;
    static void passed(Request& request);
    void tell_ended();

    Loop& loop_;
    Medium medium_;
    Geometry assumed_;
    LeafIdentity identity_;
    MediumPin pin_;
    bool found_another_ = false;  ///< when it was opened last
    Pool<Passage> passages_;
    std::function<void()> ended_;  ///< fenced, waiting for the last passage
};

}  // namespace dst
