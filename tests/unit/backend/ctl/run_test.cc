#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <boost/json/parse.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "control/protocol.h"
#include "control/run_dir.h"
#include "control/status_json.h"
#include "ctl/command.h"
#include "support/plain_terminal.h"
#include "support/schema.h"

namespace dst::ctl {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

/// The whole program on real files, with run and state directory in a folder of the test's own.
class Dstctl : public testing::Test {
protected:
    Dstctl() {
        std::string pattern = (std::filesystem::temp_directory_path() / "dst-run-XXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
        std::filesystem::create_directory(folder_ + "/run");
        ::setenv("DST_RUN_DIR", (folder_ + "/run").c_str(), 1);
        ::setenv("DST_STATE_DIR", (folder_ + "/state").c_str(), 1);
    }
    ~Dstctl() override {
        ::unsetenv("DST_RUN_DIR");
        ::unsetenv("DST_STATE_DIR");
        std::filesystem::remove_all(folder_);
    }

    struct Outcome {
        int status;
        std::string out;
        std::string err;
    };
    static Outcome dstctl(std::vector<std::string> arguments) {
        std::vector<const char*> argv{"dstctl"};
        for (const std::string& argument : arguments) argv.push_back(argument.c_str());
        PlainTerminal plain;
        int status = run(static_cast<int>(argv.size()), argv.data(), plain.terminal());
        return {status, plain.out(), plain.err()};
    }

    std::string path(const std::string& name) const { return folder_ + "/" + name; }
    std::string write(const std::string& name, const std::string& text) const {
        std::ofstream(path(name), std::ios::binary) << text;
        return path(name);
    }
    /// A sparse file of 16 MiB.
    std::string disk(const std::string& name) const {
        std::filesystem::resize_file(write(name, ""), 16u << 20);
        return path(name);
    }
    /// A storage file of a mirror of two disks.
    std::string mirror_file(const std::string& storage = "vol") const {
        return write("vol.yaml", "storage: " + storage + "\ntree: {mirror: [{disk: " + disk("a.img") +
                                     "}, {disk: " + disk("b.img") + "}]}\n");
    }

private:
    std::string folder_;
};

TEST_F(Dstctl, HelpAndVersionAreNoErrors) {
    EXPECT_EQ(dstctl({"--help"}).status, 0);
    EXPECT_THAT(dstctl({"--version"}).out, StartsWith("dstctl "));
    for (const char* command : {"check", "tree", "init", "status", "start", "resolve", "inspect"}) {
        Outcome outcome = dstctl({command, "--help"});
        EXPECT_EQ(outcome.status, 0);
        EXPECT_THAT(outcome.out, HasSubstr(std::string("dstctl ") + command));
        EXPECT_THAT(outcome.err, IsEmpty());
    }
}

TEST_F(Dstctl, StartLeavesTheOrderInTheJournalOnlyWhenItIsMeant) {
    const std::string file = mirror_file();
    ASSERT_EQ(dstctl({"init", file}).status, 0);
    EXPECT_EQ(dstctl({"start", file}).status, 64);
    EXPECT_EQ(dstctl({"start", file, "--takeover", "--accept-data-loss"}).status, 64);
    Outcome asked = dstctl({"start", file, "--accept-data-loss"});
    EXPECT_EQ(asked.status, 64);
    EXPECT_THAT(asked.err, HasSubstr("nothing was ordered"));
    EXPECT_THAT(dstctl({"inspect", "--json", path("state/vol.journal")}).out, HasSubstr(R"("order":"none")"));
    Outcome meant = dstctl({"start", file, "--accept-data-loss", "--yes"});
    EXPECT_EQ(meant.status, 0) << meant.err;
    EXPECT_THAT(meant.out, AllOf(HasSubstr("b.img in sync"), HasSubstr("acknowledged writes too")));
    EXPECT_THAT(dstctl({"inspect", "--json", path("state/vol.journal")}).out,
                HasSubstr(R"("order":"accept_data_loss")"));
    EXPECT_EQ(dstctl({"start", "vol", "--takeover", "--yes"}).status, 0);
    EXPECT_THAT(dstctl({"inspect", "--json", path("state/vol.journal")}).out, HasSubstr(R"("order":"takeover")"));
}

TEST_F(Dstctl, AnOrderInAJournalIsShownAndCanBeTakenBack) {
    const std::string file = mirror_file();
    const std::string journal = path("state/vol.journal");
    EXPECT_THAT(dstctl({"start", file, "--cancel"}).err, HasSubstr("nothing was taken back: there is no journal"));
    EXPECT_FALSE(std::filesystem::exists(journal));
    ASSERT_EQ(dstctl({"init", file}).status, 0);
    EXPECT_THAT(dstctl({"inspect", journal}).out, Not(HasSubstr("order")));
    ASSERT_EQ(dstctl({"start", file, "--accept-data-loss", "--yes"}).status, 0);
    EXPECT_THAT(dstctl({"inspect", journal}).out, HasSubstr("order    to start with loss of data, which the next"));
    const Outcome cancelled = dstctl({"start", file, "--cancel"});
    EXPECT_EQ(cancelled.status, 0) << cancelled.err;
    EXPECT_THAT(cancelled.out, HasSubstr("is taken back"));
    EXPECT_THAT(dstctl({"inspect", journal}).out, Not(HasSubstr("order")));
    const Outcome again = dstctl({"start", "vol", "--cancel"});
    EXPECT_EQ(again.status, 70);
    EXPECT_THAT(again.err, HasSubstr("no order lies in the journal"));
}

TEST_F(Dstctl, NothingIsOrderedWhereThereIsNothingToStartFrom) {
    const std::string file = mirror_file();
    ASSERT_EQ(dstctl({"init", file}).status, 0);
    for (const char* name : {"a.img", "b.img"}) std::filesystem::remove(path(name));
    const Outcome refused = dstctl({"start", file, "--accept-data-loss", "--yes"});
    EXPECT_EQ(refused.status, 70);
    EXPECT_THAT(refused.err, HasSubstr("there is nothing that it could start from"));
    EXPECT_THAT(dstctl({"inspect", path("state/vol.journal")}).out, Not(HasSubstr("order")));
}

TEST_F(Dstctl, OrdersNeedAStorageThatIsKnown) {
    EXPECT_EQ(dstctl({"start", "nobody", "--takeover", "--yes"}).status, 3);
    const std::string file = mirror_file();
    ASSERT_EQ(dstctl({"init", file}).status, 0);
    Outcome unknown = dstctl({"resolve", file, "--discard", "/c", "--yes"});
    EXPECT_EQ(unknown.status, 70);
    EXPECT_THAT(unknown.err, HasSubstr("knows no member '/c'"));
    EXPECT_EQ(dstctl({"resolve", file, "--discard", path("b.img"), "--yes"}).status, 0);
}

TEST_F(Dstctl, WrongUsageIs64) {
    EXPECT_EQ(dstctl({}).status, 64);
    EXPECT_EQ(dstctl({"bogus"}).status, 64);
    EXPECT_EQ(dstctl({"check"}).status, 64);
    EXPECT_EQ(dstctl({"check", "a", "b"}).status, 64);
    EXPECT_EQ(dstctl({"status", "--bogus"}).status, 64);
    EXPECT_EQ(dstctl({"status", "/etc/dst/vol.yaml"}).status, 64);
    EXPECT_THAT(dstctl({"bogus"}).out, IsEmpty());
}

TEST_F(Dstctl, UnknownCommandIsNamedAndTheCommandsListed) {
    const Outcome outcome = dstctl({"bogus"});
    EXPECT_EQ(outcome.status, 64);
    EXPECT_THAT(outcome.err, StartsWith("dstctl: unknown command 'bogus'; the commands are check, tree, init, status, "
                                        "start, resolve, inspect"));
}

TEST_F(Dstctl, OutputThatCannotBeWrittenIsNoSuccess) {
    write("run/vol.failed", control::encode_failed_open({"vol", "t", "/dev/sdb is not labelled", "tgtd[1]"}));
    const std::string file = mirror_file();
    for (const std::vector<const char*>& arguments :
         {std::vector<const char*>{"dstctl", "status"}, {"dstctl", "--help"}, {"dstctl", "tree", file.c_str()}}) {
        std::ofstream full("/dev/full");
        std::ostringstream err;
        Terminal terminal{full, err};
        EXPECT_EQ(run(static_cast<int>(arguments.size()), arguments.data(), terminal), 70) << arguments[1];
        EXPECT_THAT(err.str(), HasSubstr("the output could not be written: No space left on device")) << arguments[1];
    }
}

TEST_F(Dstctl, CheckTellsAGoodFile) {
    std::string file = mirror_file();
    Outcome outcome = dstctl({"check", file});
    EXPECT_EQ(outcome.status, 0);
    EXPECT_EQ(outcome.out, file + ": no mistakes in storage vol\n");
}

TEST_F(Dstctl, CheckPrintsAllMistakesAndEndsWith1) {
    std::string file = write("bad.yaml", "storage: -x\ntree: {disk: a}\nbogus: 1\n");
    Outcome outcome = dstctl({"check", file});
    EXPECT_EQ(outcome.status, 1);
    EXPECT_THAT(outcome.err,
                AllOf(HasSubstr(file + ":1:10: "), HasSubstr(file + ":2:14: "), HasSubstr(file + ":3:1: ")));
    EXPECT_EQ(dstctl({"check", path("none")}).status, 1);
}

TEST_F(Dstctl, MistakesInTheFileEndEveryCommandWith1) {
    const std::string file = write("bad.yaml", "storage: -x\n");
    for (const char* command : {"check", "tree", "init", "inspect"}) {
        const Outcome outcome = dstctl({command, file});
        EXPECT_EQ(outcome.status, 1) << command;
        EXPECT_THAT(outcome.err, HasSubstr(file + ":1:10: ")) << command;
    }
}

TEST_F(Dstctl, TreeDraws) {
    Outcome outcome = dstctl({"tree", mirror_file()});
    EXPECT_EQ(outcome.status, 0);
    EXPECT_THAT(outcome.out, StartsWith("vol\n└─ mirror0\n   ├─ " + path("a.img")));
}

TEST_F(Dstctl, InitLabelsWhatInspectShows) {
    std::string file = mirror_file();
    Outcome init = dstctl({"init", file});
    EXPECT_EQ(init.status, 0) << init.err;
    EXPECT_THAT(init.out, HasSubstr("storage vol is initialised"));
    Outcome medium = dstctl({"inspect", path("b.img")});
    EXPECT_EQ(medium.status, 0) << medium.out;
    EXPECT_THAT(medium.out,
                AllOf(HasSubstr("storage vol "), HasSubstr("place /2 (member 2)"), HasSubstr("generation 1")));
    Outcome journal = dstctl({"inspect", path("state/vol.journal")});
    EXPECT_EQ(journal.status, 0) << journal.out;
    EXPECT_THAT(journal.out, StartsWith("journal " + path("state/vol.journal")));
    Outcome all = dstctl({"inspect", file, "--json"});
    EXPECT_EQ(all.status, 0);
    auto json = boost::json::parse(all.out);
    EXPECT_THAT(schema_violations("inspect.json", json), IsEmpty());
    EXPECT_EQ(json.at("media").as_array().size(), 2u);
    EXPECT_EQ(json.at("media").at(0).at("label_state").as_string(), "valid");
    EXPECT_EQ(json.at("journals").at(0).at("storage_name").as_string(), "vol");
}

TEST_F(Dstctl, InspectTellsAllWhenVerbose) {
    const std::string file = mirror_file();
    ASSERT_EQ(dstctl({"init", file}).status, 0);
    EXPECT_THAT(dstctl({"inspect", path("a.img")}).out, Not(HasSubstr("incarnation")));
    EXPECT_THAT(dstctl({"inspect", "-v", path("a.img")}).out,
                AllOf(HasSubstr("incarnation"), HasSubstr("copies   both: sequence"), HasSubstr("slot 0  0 set")));
}

TEST_F(Dstctl, InspectOfAMemberWithoutARecordEndsWith1) {
    ASSERT_EQ(dstctl({"init", mirror_file()}).status, 0);
    constexpr std::streamoff record = (16 << 20) - (128 << 10);
    std::fstream(path("a.img"), std::ios::binary | std::ios::in | std::ios::out)
        .seekp(record)
        .write(std::string(64 << 10, '\0').c_str(), 64 << 10);
    const Outcome outcome = dstctl({"inspect", path("a.img")});
    EXPECT_EQ(outcome.status, 1);
    EXPECT_THAT(outcome.out, HasSubstr("  mirror   no record that counts, though one belongs here: both: empty\n"));
}

TEST_F(Dstctl, InspectTellsADamagedCopyOfAJournal) {
    ASSERT_EQ(dstctl({"init", mirror_file()}).status, 0);
    const std::string journal = path("state/vol.journal");
    EXPECT_THAT(dstctl({"inspect", journal}).out, Not(HasSubstr("copies")));
    std::fstream(journal, std::ios::binary | std::ios::in | std::ios::out).seekp(4096 + 100).write("xxxx", 4);
    const Outcome outcome = dstctl({"inspect", journal});
    EXPECT_EQ(outcome.status, 1);
    EXPECT_THAT(outcome.out, HasSubstr("  copies   copy 0: damaged, copy 1: sequence "));
}

TEST_F(Dstctl, InspectShowsTheIncarnationsOfLocalMedia) {
    ASSERT_EQ(dstctl({"init", mirror_file()}).status, 0);
    for (const auto& entry : std::filesystem::directory_iterator(path("run/incarnations"))) {
        const Outcome outcome = dstctl({"inspect", entry.path()});
        EXPECT_EQ(outcome.status, 0);
        EXPECT_THAT(outcome.out, AllOf(StartsWith("incarnation "), HasSubstr("  mark     not set: ")));
    }
}

TEST_F(Dstctl, InspectTellsWhatAnOrderGivesUp) {
    const std::string file = mirror_file();
    ASSERT_EQ(dstctl({"init", file}).status, 0);
    ASSERT_EQ(dstctl({"resolve", file, "--discard", path("b.img"), "--yes"}).status, 0);
    EXPECT_THAT(dstctl({"inspect", path("state/vol.journal")}).out,
                HasSubstr("           gives up member 2 (" + path("b.img") + ") of mirror "));
}

TEST_F(Dstctl, InitRefusesAnotherStoragesMediaUnlessForced) {
    ASSERT_EQ(dstctl({"init", mirror_file("old")}).status, 0);
    std::string file = write("new.yaml", "storage: new\ntree: {disk: " + path("a.img") + "}\n");
    Outcome refused = dstctl({"init", file});
    EXPECT_EQ(refused.status, 70);
    EXPECT_THAT(refused.err, AllOf(HasSubstr(path("a.img")), HasSubstr("'old'"), HasSubstr("nothing was changed")));
    EXPECT_THAT(dstctl({"inspect", path("a.img")}).out, HasSubstr("storage old "));
    EXPECT_EQ(dstctl({"init", "--force", file}).status, 0);
    EXPECT_THAT(dstctl({"inspect", path("a.img")}).out, HasSubstr("storage new "));
}

TEST_F(Dstctl, InitNamesAnAdoptedMemberThatIsNotThere) {
    Outcome outcome = dstctl({"init", mirror_file(), "--adopt", "bogus"});
    EXPECT_EQ(outcome.status, 70);
    EXPECT_THAT(outcome.err, HasSubstr("bogus"));
}

TEST_F(Dstctl, InspectOfABlankMediumEndsWith1AndOfNoneWith70) {
    Outcome blank = dstctl({"inspect", disk("a.img")});
    EXPECT_EQ(blank.status, 1);
    EXPECT_THAT(blank.out, HasSubstr("label    none"));
    const Outcome none = dstctl({"inspect", path("none.img")});
    EXPECT_EQ(none.status, 70);
    EXPECT_THAT(none.err, HasSubstr("none.img"));
    EXPECT_THAT(none.out, IsEmpty());
}

TEST_F(Dstctl, InspectOfAPipeEndsAtOnce) {
    ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
    const Outcome outcome = dstctl({"inspect", path("pipe")});
    EXPECT_EQ(outcome.status, 70);
    EXPECT_THAT(outcome.err, HasSubstr("is neither a file nor a block device"));
}

TEST_F(Dstctl, StatusOfNoNameIsWrongUsage) { EXPECT_EQ(dstctl({"status", ""}).status, 64); }

TEST_F(Dstctl, InspectOfANetnodeThatIsNotThereSaysSo) {
    Outcome outcome = dstctl({"inspect", "127.0.0.1:1/disk0"});
    EXPECT_EQ(outcome.status, 70);
    EXPECT_THAT(outcome.err, StartsWith("dstctl: 127.0.0.1:1/disk0: "));
}

TEST_F(Dstctl, InspectOfANetnodeWithAWrongPortSaysSo) {
    const Outcome outcome = dstctl({"inspect", "host:99999/x"});
    EXPECT_EQ(outcome.status, 64);
    EXPECT_THAT(outcome.err, StartsWith("dstctl: host:99999/x has \"99999\" for a port, which is out of range (1 to "
                                        "65535)"));
    EXPECT_EQ(dstctl({"inspect", path("host:99999")}).status, 70);
}

TEST_F(Dstctl, StatusInJsonOfAStorageThatNobodyServesIsAnError) {
    const Outcome outcome = dstctl({"status", "--json", "nosuch"});
    EXPECT_EQ(outcome.status, 3);
    const auto json = boost::json::parse(outcome.out);
    EXPECT_THAT(schema_violations("status.json", json), IsEmpty());
    EXPECT_EQ(json.at("storage").as_string(), "nosuch");
    EXPECT_EQ(json.at("error").at("code").as_string(), "not-found");
}

TEST_F(Dstctl, StatusWithoutAnyStorageEndsWith3) {
    Outcome text = dstctl({"status"});
    EXPECT_EQ(text.status, 3);
    EXPECT_THAT(text.err, HasSubstr("no storage is open"));
    EXPECT_EQ(dstctl({"status", "--json"}).out, "[]\n");
    EXPECT_EQ(dstctl({"status", "vol"}).status, 3);
}

TEST_F(Dstctl, StatusShowsAFailedOpen) {
    write("run/vol.failed", control::encode_failed_open({"vol", "t", "/dev/sdb is not labelled", "tgtd[1]"}));
    Outcome text = dstctl({"status", "vol"});
    EXPECT_EQ(text.status, 2);
    EXPECT_THAT(text.out, AllOf(HasSubstr("failed"), HasSubstr("/dev/sdb is not labelled")));
    Outcome json = dstctl({"status", "--json"});
    EXPECT_EQ(json.status, 2);
    EXPECT_THAT(schema_violations("status.json", boost::json::parse(json.out)), IsEmpty());
}

/// Answers one connection's request with a healthy storage.
void serve_once(int listener) {
    int connection = ::accept(listener, nullptr, nullptr);
    char request[1024];
    ASSERT_GT(::read(connection, request, sizeof request), 0);
    StorageStatus status;
    status.storage = "vol";
    status.state = StorageState::healthy;
    status.size_bytes = 1u << 30;
    auto answer = control::ok_answer();
    answer["status"] = status_to_json(status);
    std::string line = control::encode_line(answer);
    ASSERT_EQ(::write(connection, line.data(), line.size()), static_cast<ssize_t>(line.size()));
    ::close(connection);
}

TEST_F(Dstctl, StatusAsksTheHead) {
    int listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path("run/vol.sock").copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::listen(listener, 1), 0);
    std::thread head(serve_once, listener);
    Outcome outcome = dstctl({"status", "vol"});
    head.join();
    ::close(listener);
    EXPECT_EQ(outcome.status, 0);
    EXPECT_THAT(outcome.out, StartsWith("vol  1.0 GiB  healthy"));
}

}  // namespace
}  // namespace dst::ctl
