#pragma once

#include <functional>
#include <string>
#include <vector>

#include "start/init_plan.h"
#include "start/initializer.h"
#include "start/journal_keeper.h"
#include "start/place_check.h"
#include "start/start_step.h"

namespace dst {

/// The steps of `init`, in the order of the functions.
class Initializer::Impl final : private LeafListener {
public:
    Impl(spec::Storage storage, EngineEnvironment environment, InitOptions options);
    void run(Callback<InitReport> done);

private:
    void on_leaf_up(std::size_t leaf) override;
    void on_leaf_down(std::size_t leaf, const Error& why) override;
    void maybe_look();
    void look();
    void peek_all(std::function<void()> then);
    void probe_all();
    void look_for_data();
    void check();
    void check_adopted_end();
    void open_journal();
    void erase_labels();
    void wipe_next(std::size_t leaf, bool end);
    void probe_wiped();
    void zero_next(std::size_t leaf, std::uint64_t offset);
    void erase_old_records();
    void write_record();
    void settle_next();
    void write_journal();
    void write_labels();
    void give_up(const Error& why);
    void close();
    void close_inner(Vertex& vertex, StartStep& step);

    spec::Storage storage_;
    InitOptions options_;
    Loop& loop_;
    EventSink& events_;
    LeafFactory make_leaf_;
    std::string head_;
    JournalKeeper journal_;
    Tree tree_;
    std::vector<InitLeaf> found_;
    std::vector<bool> reported_down_;
    bool looking_ = false;
    InitPlan plan_;
    std::size_t next_mirror_ = 0;
    InitReport report_;
    Callback<InitReport> done_;
    Timer reach_timer_;
    Task look_task_;
};

}  // namespace dst
