// The commands of aurora-tool: each adds itself to the command line.
#pragma once

#include "aurora/tools/command_line.h"

namespace aurora::tools {

void AddImport(CommandLine& line);
void AddQuery(CommandLine& line);
void AddGet(CommandLine& line);
void AddSchema(CommandLine& line);
void AddStats(CommandLine& line);
void AddInspect(CommandLine& line);
void AddCheckpoint(CommandLine& line);
void AddBench(CommandLine& line);
void AddCompact(CommandLine& line);
void AddFind(CommandLine& line);
void AddSpace(CommandLine& line);
void AddBackup(CommandLine& line);
void AddBackups(CommandLine& line);
void AddRestore(CommandLine& line);
void AddArchive(CommandLine& line);
void AddVerify(CommandLine& line);
void AddRepair(CommandLine& line);
void AddDump(CommandLine& line);

}  // namespace aurora::tools
