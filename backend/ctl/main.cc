#include <csignal>

#include "ctl/command.h"

int main(int argc, char** argv) {
    // A reader that goes away (`dstctl status --watch | head`) ends the program by a failing write, not by a signal.
    std::signal(SIGPIPE, SIG_IGN);
    dst::ctl::Terminal terminal = dst::ctl::standard_terminal();
    return dst::ctl::run(argc, argv, terminal);
}
