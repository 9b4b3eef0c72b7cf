#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "block/error.h"
#include "config/spec.h"
#include "start/storage_engine.h"

namespace dst {

struct InitOptions {
    bool force = false;                ///< overwrite what is on the media, and the journal of a storage on them
    bool force_journal = false;        ///< overwrite the journal, whosever it is
    std::optional<std::string> adopt;  ///< the name of the mirror member whose data are kept
};

/// What `init` found and did.
struct InitReport {
    struct LeafLine {
        std::string name;
        std::string place;  ///< empty when it was refused before places were given
        std::string text;   ///< "labelled", or why not
        Errc code = Errc::ok;
        std::uint64_t size_bytes = 0;  ///< that the label names
    };
    /// What --adopt keeps of a disk.
    struct Adopted {
        std::string name;              ///< of the leaf; empty: nothing is adopted
        std::uint64_t kept_bytes = 0;  ///< from its beginning on
        std::uint64_t cut_bytes = 0;   ///< behind them: not part of the storage any more
    };
    std::vector<LeafLine> leaves;  ///< in reading order
    Adopted adopted;
    Id storage;
    std::uint64_t size_bytes = 0;
    std::uint32_t logical_block_bytes = 0;
    bool all_in_sync = true;  ///< false: members but the first (or adopted) one are owed everything
    bool done = false;        ///< false: nothing but what `leaves` says was changed; see `error`
    Error error;              ///< why not done: a sentence for the administrator
};

/// `dstctl init`: labels every leaf of a storage. Looks at all of them first and changes nothing unless all may be
/// taken, the journal too, which is made only then: what carries a label, what libblkid knows, and what is not blank
/// where it is looked at, is not, unless forced. Wipes the signatures of others, writes zeroes where that is fast, then
/// records and maps, the journal, and the labels last. Everything on the loop's thread. Not to be destroyed before
/// run() has called back.
class Initializer {
public:
    Initializer(spec::Storage storage, EngineEnvironment environment, InitOptions options);
    ~Initializer();
    Initializer(const Initializer&) = delete;
    Initializer& operator=(const Initializer&) = delete;

    /// Call once. Answers with a report, also when nothing was done.
    void run(Callback<InitReport> done);

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace dst
