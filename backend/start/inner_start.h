#pragma once

#include <optional>
#include <string>
#include <vector>

#include "start/mirror_opening.h"
#include "start/return_attempt.h"

namespace dst {

/// Starts one mirror below a child that its mirror wants back, while the storage serves (M5, M7): chooses its record,
/// promises the head's epoch, writes the record and serves. The child itself comes back afterwards.
///
/// What the mirror holds is kept above as well. So when all its members in sync are there, and the data of some are not
/// (another medium lies in their place), it is formed anew from what is there, once the whole child is durably owed
/// everything.
class InnerStart final : public ReturnAttempt {
public:
    /// `inner`, below `child` or the child itself, is stopped and idle; the mirrors below it that can be used serve.
    /// `unwritable`, of the attempts before, outlives this one: where the journal decides it does without those members
    /// (M5), and adds to them.
    InnerStart(const JoinContext& context, const Vertex& child, Vertex& inner, UnwritableDisks& unwritable,
               Ended ended);

    void begin() override;
    void cut(const Error& why) override;

private:
    using Step = void (InnerStart::*)();

    Callback<void> then(Step step);
    bool stopped(const Result<void>& result);
    void finish(End end, const std::string& why);

    void peek_all();
    void peeked();
    std::string check_media();
    bool usable(const Vertex& vertex) const;
    std::string why_not_usable(const Vertex& vertex) const;
    void look_at_children();
    std::string why_not_writable(const Vertex& vertex) const;
    void leave_out_unwritable();
    void records_read();
    void maps_read();

    // Formed anew.
    void could_not_start(const std::string& why);
    const Record* known_members() const;
    std::string look_for_lost(const Record& known, std::string& refused);
    void form();
    void owed();
    void draw_ids();
    void note_generation_formed();
    void form_from_lost();
    void label_blank();

    void stand();
    void look_above();
    void promise_all();
    void promised();
    void write_record();
    void record_written(const Result<void>& result);
    void note_unwritable(const Vertex& vertex, const Error& error);
    Callback<LabelImage> label_written(StartStep& step, const Vertex& leaf, bool promised);
    void mark_served();
    void write_journal();
    void serve();
    std::vector<const Vertex*> fenced_leaves() const;

    Vertex& inner_;
    UnwritableDisks& unwritable_;
    MirrorOpening opening_;
    std::vector<LeafFinding> findings_;  ///< per leaf of the tree
    std::vector<Peek> peeks_;            ///< per leaf of the tree
    std::optional<Record> known_;        ///< the journal's
    bool decides_ = false;
    std::vector<std::size_t> lost_;  ///< children in sync whose data are not there any more
    std::vector<BlankLeaf> blank_;   ///< below those
    Record formed_from_;
    bool formed_ = false;
    bool fresh_ = false;  ///< formed from a member without a record
    bool labelled_ = false;
    bool looks_above_ = false;  ///< through the whole child
    Record written_;
};

}  // namespace dst
