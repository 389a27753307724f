//! Every bound of the product, with its unit and its reason, in one place. Bounds are on the encoded form.

/// A journal line without its LF. Fits one 64 KiB read with the LF.
pub const LINE_BYTES_MAX: usize = 65_535;
/// The longest possible rest of a line.
pub const ENVELOPE_BYTES_MAX: usize = 704;
/// The payload of an event as JSON: with the longest envelope it fits a line.
pub const EVENT_BYTES_MAX: usize = LINE_BYTES_MAX - ENVELOPE_BYTES_MAX;
/// Integers that every JSON reader keeps exactly: ±(2^53 − 1).
pub const INTEGER_MAX: u64 = (1 << 53) - 1;
/// Segment size at which the next one is begun: small enough to verify or copy at leisure.
pub const SEGMENT_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// A segment as an archive unpacks it: what was begun below [`SEGMENT_BYTES_MAX`] and the longest batch behind it, and no
/// more memory than that for a file that somebody brings along.
pub const ARCHIVED_SEGMENT_BYTES_MAX: u64 = 2 * SEGMENT_BYTES_MAX;
/// How far a segment is written ahead with newlines, so that an append changes no file size.
pub const SEGMENT_AHEAD_BYTES: u64 = 256 * 1024;
/// Room kept free for the last words on a full disk: some thousand outcomes and controls.
pub const RESERVE_BYTES: u64 = 1024 * 1024;
/// How many entries sled may lag behind before the appender waits.
pub const INDEX_LAG_ENTRIES_MAX: u64 = 65_536;
/// Inputs that one turn takes at most: bounds the latency of the first of them.
pub const TURN_INPUTS_MAX: usize = 256;
/// Inputs waiting for the turn; above it senders get 503.
pub const TURN_QUEUE_MAX: usize = 4_096;
/// A signed note (a checkpoint with its cosignatures): every reader must take 16 signatures, and a post-quantum one is
/// 7 KiB as text.
pub const NOTE_BYTES_MAX: usize = 256 * 1024;
/// What a log sends to a witness: a note, and 63 hashes of 44 characters.
pub const ADD_CHECKPOINT_BYTES_MAX: usize = NOTE_BYTES_MAX + 4 * 1024;
/// Signatures of a note; every reader must take 16.
pub const NOTE_SIGNATURES_MAX: usize = 64;
/// A policy file …
pub const POLICY_BYTES_MAX: usize = 1024 * 1024;
/// … and its lines that say something: every reader should take 32 logs, 32 witnesses and 32 groups.
pub const POLICY_LINES_MAX: usize = 1_024;
/// Logs that one witness knows.
pub const WITNESSED_LOGS_MAX: usize = 1_024;
/// Output that stands in the entry; more goes to a blob.
pub const TEXT_INLINE_BYTES_MAX: usize = 2 * 1024;
/// Output of one step that is kept at all (head and tail are kept, the middle is counted).
pub const STEP_OUTPUT_BYTES_MAX: usize = 1024 * 1024;
/// RM-2: a summary is one line that fits a pager.
pub const SUMMARY_BYTES_MAX: usize = 512;
/// Somebody else's words within one of our messages: what a parser says, an unknown key.
pub const SHOWN_BYTES_MAX: usize = 512;
/// One message with its place and its cause: a page, not a file.
pub const MESSAGE_BYTES_MAX: usize = 1024;
/// Problems that are listed of one file: nobody mends more than these before looking again.
pub const PROBLEMS_MAX: usize = 100;
/// Of a line that is shown with its problem.
pub const EXCERPT_BYTES_MAX: usize = 4 * 1024;
/// RM-2: detail is a paragraph, not a log file.
pub const DETAIL_BYTES_MAX: usize = 8 * 1024;
/// Attributes of one degradation.
pub const ATTRIBUTES_MAX: usize = 32;
/// Name of an attribute.
pub const ATTRIBUTE_NAME_BYTES_MAX: usize = 64;
/// Value of an attribute.
pub const ATTRIBUTE_VALUE_BYTES_MAX: usize = 512;
/// Subsystem, target, source and similar names.
pub const NAME_BYTES_MAX: usize = 128;
/// File descriptors that the daemon asks the system for, where it gives that many.
pub const FILES_WANTED: u64 = 8_192;
/// Connections to the HTTP interface at once: half of the file descriptors that are wanted, so that the journal never
/// lacks one. Where the system gives fewer, half of those.
pub const CONNECTIONS_MAX: usize = 4_096;
/// Of them, from one address of another machine (of IPv6 a /64): somebody there leaves room for the others. Not for
/// addresses of this machine, where everybody has as many addresses as they like.
pub const CONNECTIONS_OF_ONE_MAX: usize = 256;
/// A connection on which nothing moves for so many seconds is closed: longer than any answer takes.
pub const CONNECTION_IDLE_S_MAX: u64 = 60;
/// The head of a request comes within so many seconds, from the opening of the connection or the end of the answer
/// before: a byte now and then does not keep a place.
pub const HEAD_S_MAX: u64 = 30;
/// Headers of a request; browsers and proxies send about 30.
pub const HEADERS_MAX: usize = 100;
/// Bytes of a request's head; also what a connection holds of an answer that is being written.
pub const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Post-mortems that are told over HTTP at once: each reads the whole journal and checks its signatures, and must leave
/// the processor to what acts.
pub const POSTMORTEMS_MAX: usize = 1;
/// A request is answered within so many seconds; reading its body counts.
pub const REQUEST_S_MAX: u64 = 30;
/// A stream's reader that takes nothing for so many seconds, though there is something for it, is dropped with a hint:
/// shorter than an idle connection lives, so that most of them read the hint.
pub const STREAM_STALLED_S_MAX: u64 = 30;
/// A stream's reader that had caught up once and is so many entries behind is dropped with a hint: it is to know. That
/// is more than a minute of the journal at full speed; when it comes again it may be as far behind as it likes.
pub const STREAM_BEHIND_MAX: u64 = 100_000;
/// Of all connections, streams: the other half is for questions and reports.
pub const STREAMS_MAX: usize = 2_048;
/// Names under which the page may be opened: those of a few proxies.
pub const HOSTS_MAX: usize = 16;
/// Sessions of browsers: each person at a few; the one unused for longest gives way.
pub const SESSIONS_MAX: usize = 64;
/// A session that is not used for so long ends: a night passes, a forgotten browser does not stay logged in.
pub const SESSION_IDLE_S_MAX: u64 = 12 * 3_600;
/// A session ends after so long whatever is done with it: a cookie that was stolen is worth something for a week at most.
pub const SESSION_AGE_S_MAX: u64 = 7 * 86_400;
/// Logins that may fail within [`LOGIN_WINDOW_S`], of everybody together; a token cannot be guessed anyway.
pub const LOGIN_FAILURES_MAX: usize = 10;
/// See [`LOGIN_FAILURES_MAX`].
pub const LOGIN_WINDOW_S: u64 = 60;
/// Newest lines kept at hand for streams; a reader further behind reads from the store.
pub const STREAM_BYTES_KEPT: usize = 4 * 1024 * 1024;
/// What the system may hold of an answer that is not read: bounds the memory of slow readers.
pub const SEND_BUFFER_BYTES: usize = 256 * 1024;
/// Body of a request to `POST /v1/degradations`.
pub const REQUEST_BYTES_MAX: usize = 64 * 1024;
/// Notices waiting for their channel: weeks of them at a usual rate, and a few MiB.
pub const NOTICES_WAITING_MAX: usize = 10_000;
/// Channels of one configuration.
pub const CHANNELS_MAX: usize = 32;
/// Deliveries of one channel at once: a receiver that hangs holds no more than this.
pub const DELIVERIES_AT_ONCE: usize = 4;
/// The longest that one delivery may be allowed to take.
pub const DELIVERY_MS_MAX: u64 = 60_000;
/// What is kept of a receiver's answer.
pub const RECEIPT_BYTES_MAX: usize = 256;
/// A secret that is referred to by name.
pub const SECRET_BYTES_MAX: u64 = 4 * 1024;
/// Body of a request to `POST /v1/ingest/…`: a thousand alerts with their labels.
pub const INGEST_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Alerts or events of one such request.
pub const INGEST_ITEMS_MAX: usize = 4_096;
/// Candidates that a decision trace keeps in full; the rest are counted (RM-5).
pub const TRACE_CANDIDATES_MAX: usize = 32;
/// Entries of one audit page.
pub const AUDIT_PAGE_MAX: usize = 1_000;
/// Senders' ids remembered for deduplication …
pub const SENDER_IDS_MAX: usize = 200_000;
/// … and for how long.
pub const SENDER_IDS_MS_MAX: u64 = 24 * 3_600_000;
/// Longest time that a request for more trust waits, and that a grant of it can be used: a week.
pub const ELEVATION_MS_MAX: u64 = 7 * 86_400_000;
/// Longest time that a program may take to say whether a runbook may act: people wait behind it.
pub const DECIDER_MS_MAX: u64 = 300_000;
/// Bytes of the program and arguments of a decider together: they stand in the entry that asks.
pub const DECIDER_ARGV_BYTES_MAX: usize = 8 * 1024;
/// How long what a runbook did counts in its track record.
pub const RECORD_MS_MAX: u64 = 90 * 86_400_000;
/// What counts of one runbook at most: more would change nothing that a record lets it ask for.
pub const RECORD_MARKS_MAX: usize = 256;
/// Runbooks of which a record is kept; those that were longest without news go first.
pub const RECORDS_MAX: usize = 1_024;
/// Closed incidents that the world still holds (all of them stay in the journal and its indexes).
pub const CLOSED_INCIDENTS_MAX: usize = 256;
/// Incidents open at once; above it the oldest untouched ones are the operator's first problem and intake says so.
pub const OPEN_INCIDENTS_MAX: usize = 10_000;
/// Steps of one runbook.
pub const STEPS_MAX: usize = 32;
/// Preconditions of one runbook: what all of them saw stands in one entry.
pub const PRECONDITIONS_MAX: usize = 16;
/// A resource limit of a process, in its own unit: more than any machine has.
pub const RLIMIT_MAX: u64 = 1 << 40;
/// Arguments of one step.
pub const ARGV_MAX: usize = 64;
/// One argument of a step.
pub const ARG_BYTES_MAX: usize = 4 * 1024;
/// A resolved plan as JSON: with the rest of its entry it must fit a line.
pub const PLAN_BYTES_MAX: usize = 48 * 1024;
/// A content file (runbook, service, sentinel).
pub const CONTENT_BYTES_MAX: usize = 1024 * 1024;
/// Content files in one folder.
pub const CONTENT_FILES_MAX: usize = 10_000;
/// All files of a content folder: they are held in memory, and a manifest of them is a blob.
pub const CONTENT_FOLDER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// A CEL expression.
pub const EXPR_BYTES_MAX: usize = 1024;
/// A list that a CEL macro may run over.
pub const EXPR_LIST_MAX: usize = 100;
/// Stack of the thread that compiles and evaluates CEL.
pub const DEEP_STACK_BYTES: usize = 64 * 1024 * 1024;
/// Evidence kept of refused input, per source and hour (RM-29): first and last in full.
pub const REFUSED_PER_HOUR_MAX: u32 = 100;
/// KILL follows TERM after this many percent of a step's timeout (RM-16).
pub const KILL_AT_TIMEOUT_PERCENT: u64 = 150;
/// Time a frozen attempt waits for a person (RM-12, RM-46).
pub const FROZEN_MS_MAX: u64 = 24 * 3_600_000;
/// Rotations of the journal's key within 24 h of the journal's clock (RM-25): enough for a mistake and its mending, too
/// few to bury an entry under keys.
pub const KEY_ROTATIONS_PER_DAY_MAX: usize = 3;
/// A wall clock this far behind the last entry's is recorded as stepped.
pub const CLOCK_STEP_US: i64 = 5_000_000;
/// Most time that may pass between two boots of the operating system, as the fold counts it.
pub const BOOT_GAP_MS_MAX: u64 = 24 * 3_600_000;
/// Log of a supervised service at which a start keeps it as the one old log and begins a new one.
pub const SERVICE_LOG_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// From making a step's process to its program running; a machine that needs longer is in trouble itself.
pub const STEP_START_MS_MAX: u64 = 10_000;
/// How long the end of a process is awaited after KILL; then it counts as one that will not die.
pub const EXIT_CONFIRM_MS_MAX: u64 = 5_000;
/// How long output is still read after a step has ended (someone who left its group may hold the pipe).
pub const OUTPUT_DRAIN_MS_MAX: u64 = 200;
/// Evidence of one look: a line or two for people.
pub const EVIDENCE_BYTES_MAX: usize = 512;
/// Values of one look: with the evidence, sixteen preconditions' looks still fit an entry.
pub const LOOK_VALUES_MAX: usize = 16;
/// Name of a value: it becomes the name of an attribute.
pub const VALUE_NAME_BYTES_MAX: usize = ATTRIBUTE_NAME_BYTES_MAX;
/// What is kept of the output of a program that is no step: a verdict, a line of evidence and some values; what a
/// channel's program says.
pub const PROGRAM_OUTPUT_BYTES_MAX: usize = 64 * 1024;
/// Sentinels that look at once: enough that a network which does not answer delays nobody by more than its
/// timeouts, few enough for the descriptors of the daemon.
pub const LOOKS_AT_ONCE_MAX: usize = 256;
/// Looks at /proc and at files that go on at once: each takes a thread, and a hung file system keeps it.
pub const BLOCKING_LOOKS_MAX: usize = 32;
/// Programs of probes that run at once: each takes a thread and a process.
pub const PROBE_PROGRAMS_MAX: usize = 16;
/// What is read of the answer of a tcp look.
pub const BANNER_BYTES_MAX: usize = 4 * 1024;
/// What one look reads of a log: a flood is read over several looks.
pub const LOG_READ_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Of a line of a log that is searched.
pub const LOG_LINE_BYTES_MAX: usize = 64 * 1024;
/// Looks with matching lines that are remembered one by one.
pub const LOG_HITS_MAX: usize = 1_024;
/// A compiled pattern, and what its automaton may grow to.
pub const PATTERN_BYTES_MAX: usize = 1024 * 1024;
/// External sentinels with a grant: far more than one machine has.
pub const GRANTS_MAX: usize = 1_000;
/// Subsystems of one grant: they stand in one entry.
pub const GRANT_SUBSYSTEMS_MAX: usize = 32;
/// A heartbeat's clock may be ahead of ours by this much.
pub const HEARTBEAT_AHEAD_MS_MAX: u64 = 60_000;
/// Things that looks remember between looks (sizes, places in logs): more than there are content files.
pub const LOOKS_KEPT_MAX: usize = 2 * CONTENT_FILES_MAX;
/// Sizes of one file that are remembered for its growth.
pub const GROWTH_SAMPLES_MAX: usize = 64;
/// Processes of one tree (a service and its children) that memory and fd looks count.
pub const TREE_PROCESSES_MAX: usize = 1_024;
/// Body of an http look that is read and searched.
pub const LOOK_BODY_BYTES_MAX: usize = 64 * 1024;
/// Inputs that are told to differ when an attempt is ordered again: with two sides each they fit one entry.
pub const DIFFERENCES_MAX: usize = 32;
/// Targets of one step: each is a step of the plan and a lock of its own.
pub const GROUP_TARGETS_MAX: usize = 32;
/// Body of a request that an `http` step sends: with the rest of its plan it must fit an entry.
pub const HTTP_SEND_BYTES_MAX: usize = 16 * 1024;
/// Redirects that an `http` step follows; who needs more goes round in a circle.
pub const HTTP_REDIRECTS_MAX: u32 = 5;
/// Processes that one `signal` step reaches; what it found of each stands in its output.
pub const SIGNALLED_MAX: u32 = 64;
/// A pid file: one number.
pub const PID_FILE_BYTES_MAX: usize = 64;
/// Bytes that one `file` step writes or removes: 1 TiB, more than an entry could justify.
pub const FILE_STEP_BYTES_MAX: u64 = 1 << 40;
/// Files that one `file` step removes; it names each of them.
pub const FILE_STEP_FILES_MAX: u32 = 10_000;
/// Names that a `file` step reads of a folder; a larger one is a person's to look at.
pub const FILE_STEP_NAMES_MAX: usize = 1_000_000;
/// Longest pause before a retry.
pub const RETRY_DELAY_MS_MAX: u64 = 3_600_000;
/// Longest pause before a sentinel that was lost is started again.
pub const SENTINEL_RESTART_MS_MAX: u64 = 60_000;
/// Subjects with a key at once: a folder that is read quickly, and more than one machine's reports are about.
pub const SUBJECTS_MAX: usize = 10_000;
/// Subjects whose text one sealed text may be of; what is of more is not kept at all.
pub const SEALED_SUBJECTS_MAX: usize = 8;
/// Erased subjects that are remembered, so that a key which comes back from a copy is destroyed again; the oldest go first.
pub const SUBJECTS_ERASED_MAX: usize = 200_000;
/// Why a step failed, as it stands in an attempt's reason: a line or two.
pub const STEP_WHY_BYTES_MAX: usize = 300;
