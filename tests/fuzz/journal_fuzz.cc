#include "media/journal.h"

#include "sealed.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace dst;
    StoreContents contents;
    contents.slots[0] = fuzz::sealed_copy(fuzz::bytes_of(data, size), journal_magic, Store::slot_bytes_max);
    const JournalChoice choice = choose_journal(contents);
    DST_ASSERT(choice.next_slot < 2);
    const Result<Journal> journal = decode_journal(contents.slots[0]);
    DST_ASSERT(journal.has_value() == choice.journal.has_value());
    if (journal.has_error()) return 0;
    const Result<Bytes> encoded = encode_journal(journal.value());
    if (encoded.has_error()) return 0;
    DST_ASSERT(decode_journal(encoded.value()).has_value());
    return 0;
}
