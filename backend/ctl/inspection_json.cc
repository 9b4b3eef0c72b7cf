#include "ctl/inspection_json.h"

#include <boost/json/array.hpp>
#include <utility>

#include "ctl/units.h"

namespace dst::ctl {
namespace {

namespace json = boost::json;

std::string_view token_of(MemberState state) {
    switch (state) {
        case MemberState::in_sync: return "in_sync";
        case MemberState::dirty: return "dirty";
        case MemberState::resyncing: return "resyncing";
        case MemberState::detached: return "detached";
    }
    return "unknown";
}

std::string_view token_of(LabelState state) {
    switch (state) {
        case LabelState::absent: return "absent";
        case LabelState::valid: return "valid";
        case LabelState::damaged: return "damaged";
        case LabelState::unreadable: return "unreadable";
    }
    return "unknown";
}

std::string_view token_of(StartOrder order) {
    switch (order) {
        case StartOrder::none: return "none";
        case StartOrder::takeover: return "takeover";
        case StartOrder::accept_data_loss: return "accept_data_loss";
        case StartOrder::resolve: return "resolve";
    }
    return "unknown";
}

std::string_view token_of(CopyState state) {
    switch (state) {
        case CopyState::good: return "good";
        case CopyState::empty: return "empty";
        case CopyState::foreign: return "foreign";
        case CopyState::torn: return "torn";
        case CopyState::damaged: return "damaged";
        case CopyState::other_version: return "other_version";
        case CopyState::unreadable: return "unreadable";
    }
    return "unknown";
}

std::string_view token_of(JournalFile file) {
    switch (file) {
        case JournalFile::made: return "made";
        case JournalFile::unmade: return "unmade";
        case JournalFile::headless: return "headless";
        case JournalFile::foreign: return "foreign";
    }
    return "unknown";
}

std::string_view token_of(MediumKind kind) {
    switch (kind) {
        case MediumKind::disk: return "disk";
        case MediumKind::netnode: return "netnode";
        case MediumKind::tree: return "tree";
    }
    return "unknown";
}

std::string_view token_of(MapKind kind) { return kind == MapKind::intent ? "intent" : "owed"; }

json::object error_json(const Error& error) { return {{"code", to_token(error.code)}, {"text", error.text}}; }

json::object epoch_json(const Epoch& epoch) { return {{"number", epoch.number}, {"head", to_string(epoch.head)}}; }

json::object leaf_json(const RecordLeaf& leaf) {
    return {{"place", leaf.place},
            {"medium", to_string(leaf.medium)},
            {"size_bytes", leaf.size_bytes},
            {"logical_block_bytes", leaf.logical_block_bytes},
            {"physical_block_bytes", leaf.physical_block_bytes}};
}

template <typename Values, typename F>
json::array array_of(const Values& values, F&& convert) {
    json::array array;
    for (const auto& value : values) array.emplace_back(convert(value));
    return array;
}

json::object copy_json(const CopyInspection& copy) {
    json::object object{{"state", token_of(copy.state)}};
    if (copy.state == CopyState::other_version) object["version"] = copy.version;
    if (copy.state == CopyState::good || copy.state == CopyState::other_version) object["sequence"] = copy.sequence;
    return object;
}

json::object may_have_json(const MayHave& one) {
    return {{"generation", to_string(one.generation)},
            {"revision", one.revision},
            {"known_to", epoch_json(one.known_to)},
            {"ordered", one.ordered}};
}

json::object member_json(const RecordMember& member) {
    json::object object{{"number", member.number},
                        {"name", member.name},
                        {"state", token_of(member.state)},
                        {"incarnation", to_string(member.incarnation.id)},
                        {"revision", member.revision},
                        {"size_bytes", member.size_bytes},
                        {"leaves", array_of(member.leaves, leaf_json)}};
    if (!member.last_generation.is_nil()) object["last_generation"] = to_string(member.last_generation);
    object["may_have"] = array_of(member.may_have, may_have_json);
    return object;
}

json::object record_json(const Record& record) {
    json::object object{{"storage", to_string(record.storage)},
                        {"mirror", to_string(record.mirror)},
                        {"medium", to_string(record.medium)},
                        {"generation", record.generation},
                        {"generation_id", to_string(record.generation_id)},
                        {"lineage", array_of(record.lineage, [](const Id& id) { return json::string(to_string(id)); })},
                        {"revision", record.revision},
                        {"epoch", epoch_json(record.epoch)},
                        {"forced", record.forced},
                        {"write_through", record.write_through},
                        {"size_bytes", record.size_bytes},
                        {"logical_block_bytes", record.logical_block_bytes},
                        {"region_bytes", record.region_bytes},
                        {"next_number", record.next_number},
                        {"members", array_of(record.members, member_json)}};
    if (!record.ordered.is_nil()) object["ordered"] = to_string(record.ordered);
    return object;
}

json::object header_json(const MapSlotHeader& header) {
    return {{"mirror", to_string(header.identity.mirror)},
            {"kind", token_of(header.identity.kind)},
            {"member", header.identity.member},
            {"slot", header.slot},
            {"region_bytes", header.region_bytes},
            {"regions", header.regions},
            {"revision", header.stamp.revision},
            {"sequence", header.stamp.sequence}};
}

json::object slot_json(const SlotInspection& slot) {
    json::object object{
        {"good", slot.good}, {"set_regions", slot.set_regions}, {"copies", array_of(slot.copies, copy_json)}};
    if (slot.header) object["header"] = header_json(*slot.header);
    return object;
}

json::object run_json(const RegionRun& run) { return {{"first", run.first}, {"count", run.count}}; }

json::object map_json(const MapInspection& map, const Record& record) {
    const MapMeaning meaning = meaning_of(map, record);
    json::object object{{"kind", token_of(map.kind)},
                        {"good", map.good()},
                        {"stale", map.stale},
                        {"counts", meaning != MapMeaning::unread},
                        {"everything", is_everything(meaning)},
                        {"regions", map.regions},
                        {"set_regions", map.set_regions()},
                        {"set", array_of(map.set, run_json)},
                        {"region_bytes", map.region_bytes},
                        {"slots_without_copy", map.bad_slots()},
                        {"slots_with_bad_copy", map.slots_with_bad_copy()},
                        {"slots", array_of(map.slots, slot_json)}};
    if (map.kind == MapKind::owed) object["member"] = map.member;
    return object;
}

json::object mirror_json(const MirrorInspection& mirror) {
    const auto map_of_it = [&](const MapInspection& map) { return map_json(map, mirror.record); };
    return {{"record", record_json(mirror.record)}, {"copies", array_of(mirror.copies, copy_json)},
            {"bad_copies", mirror.bad_copies()},    {"member", mirror.member},
            {"maps_here", mirror.maps_here},        {"maps", array_of(mirror.maps, map_of_it)}};
}

json::object lost_record_json(const LostRecord& lost) {
    json::object object{{"copies", array_of(lost.copies, copy_json)}};
    if (lost.storage) {
        object["of_storage"] = to_string(*lost.storage);
    } else {
        object["error"] = error_json(lost.why);
    }
    return object;
}

json::object label_json(const Label& label) {
    return {{"storage", to_string(label.storage)},
            {"storage_name", label.storage_name},
            {"place", label.place},
            {"member", label.member},
            {"medium", to_string(label.medium)},
            {"size_bytes", label.size_bytes},
            {"logical_block_bytes", label.logical_block_bytes},
            {"promised", epoch_json(label.promised)},
            {"served", epoch_json(label.served)},
            {"sequence", label.sequence}};
}

json::object medium_json(const MediumInspection& medium) {
    const bool tree = medium.kind == MediumKind::tree;
    json::object object{{"name", medium.name}, {"kind", token_of(medium.kind)}};
    if (medium.error) {
        object["error"] = error_json(*medium.error);
        return object;
    }
    if (!tree || medium.label) object["size_bytes"] = medium.size_bytes;
    if (tree) object["may_be_old"] = medium.may_be_old;
    object["label_state"] = token_of(medium.label_state);
    if (!medium.label_fault.empty()) object["label_fault"] = medium.label_fault;
    if (medium.label) object["label"] = label_json(*medium.label);
    if (medium.label_copies) object["label_copies"] = array_of(*medium.label_copies, copy_json);
    if (medium.live) {
        object["live"] = epoch_json(medium.live->epoch);
        object["held_by"] = medium.live->name;
    }
    object["mirrors"] = array_of(medium.mirrors, mirror_json);
    if (medium.lost_record) object["lost_record"] = lost_record_json(*medium.lost_record);
    if (!tree) object["above"] = array_of(medium.above, medium_json);
    return object;
}

json::object journal_json(const JournalInspection& found) {
    json::object object{{"path", found.path}};
    if (found.error) object["error"] = error_json(*found.error);
    if (found.file) object["file_state"] = token_of(*found.file);
    if (found.file == JournalFile::made || found.file == JournalFile::headless) {
        object["copies"] = array_of(found.copies, copy_json);
    }
    if (!found.journal) return object;
    const Journal& journal = *found.journal;
    object["storage"] = to_string(journal.storage);
    object["storage_name"] = journal.storage_name;
    object["machine"] = to_string(journal.machine);
    // As a string: many readers of JSON round numbers that take all 64 bits.
    object["file"] = format_hexadecimal(journal.file);
    object["copied"] = found.copied;
    object["established"] = epoch_json(journal.established);
    object["epoch_tried"] = journal.epoch_tried;
    object["size_bytes"] = journal.size_bytes;
    object["logical_block_bytes"] = journal.logical_block_bytes;
    object["order"] = token_of(journal.order);
    object["discards"] = array_of(journal.discards, [](const OrderedDiscard& discard) {
        return json::object{{"mirror", to_string(discard.mirror)}, {"member", discard.member}};
    });
    object["served_orders"] = array_of(journal.served_orders, [](const ServedOrder& order) {
        return json::object{{"mirror", to_string(order.mirror)}, {"generation", to_string(order.generation)}};
    });
    object["sequence"] = journal.sequence;
    object["records"] = array_of(journal.records, record_json);
    object["leaves"] = array_of(journal.leaves, leaf_json);
    return object;
}

json::object incarnation_json(const IncarnationInspection& found) {
    json::object object{{"path", found.path}};
    if (!found.medium.empty()) object["medium"] = found.medium;
    if (!found.kept) {
        object["error"] = error_json(*found.error);
        return object;
    }
    object["basis"] = to_string(found.kept->basis);
    object["random"] = to_string(found.kept->random);
    object["mark"] = found.kept->mark;
    object["size_bytes"] = found.kept->size_bytes;
    return object;
}

}  // namespace

json::object inspection_to_json(const Inspection& inspection) {
    return {{"media", array_of(inspection.media, medium_json)},
            {"journals", array_of(inspection.journals, journal_json)},
            {"incarnations", array_of(inspection.incarnations, incarnation_json)}};
}

}  // namespace dst::ctl
