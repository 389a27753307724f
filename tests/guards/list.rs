//! The guards, one by one: where each stands, what turns it off, and which test must then fail. Add a guard here when
//! you add one to the product; `tools/guards` shows that its test is worth something.

/// One guard.
pub struct Guard {
    /// Which family it belongs to.
    pub family: &'static str,
    /// What it keeps out.
    pub name: &'static str,
    /// Its file.
    pub file: &'static str,
    /// Text that stands there exactly once.
    pub anchor: &'static str,
    /// What stands there when it is off; must compile.
    pub off: &'static str,
    /// Arguments of `cargo test`; the last one names the test.
    pub test: &'static [&'static str],
}

/// Every family that must be there.
pub const FAMILIES: [&str; 11] = [
    "fsync",
    "signature",
    "approval",
    "lock token",
    "limit",
    "expiry",
    "provenance",
    "leftover hunt",
    "no repetition",
    "one history",
    "erasure",
];

const fn guard(
    family: &'static str,
    name: &'static str,
    (file, anchor, off): (&'static str, &'static str, &'static str),
    test: &'static [&'static str],
) -> Guard {
    Guard { family, name, file, anchor, off, test }
}

/// All of them.
pub const GUARDS: &[Guard] = &[
    guard(
        "one history",
        "a beginning that is missing was pruned only when a signed entry says so",
        (
            "src/journal/walk.rs",
            "if let Some(base) = self.base.filter(|_| !self.confirmed) {",
            "if let Some(base) = self.base.filter(|_| false) {",
        ),
        &["--test", "journal", "retention::a_journal_that_only_claims_to_be_pruned_is_damaged"],
    ),
    guard(
        "one history",
        "what is pruned is what the archive holds",
        (
            "src/journal/archive/prune.rs",
            "compare(&journal, &archive)?;",
            "let _ = compare(&journal, &archive);",
        ),
        &[
            "--test",
            "journal",
            "retention::nothing_is_removed_unless_the_archive_is_whole_and_of_this_journal",
        ],
    ),
    guard(
        "one history",
        "an archive is what was signed",
        ("src/journal/archive/read.rs", "if !signature.holds(&signer, &text) {", "if false {"),
        &[
            "--test",
            "journal",
            "retention::nothing_is_removed_unless_the_archive_is_whole_and_of_this_journal",
        ],
    ),
    guard(
        "one history",
        "a pruned journal is folded anew from its own archives only",
        (
            "src/journal/archive/refold.rs",
            "given.iter().find(|archive| archive.manifest.genesis != offline.genesis_hash())",
            "given.iter().find(|_| false)",
        ),
        &[
            "--test",
            "journal",
            "retention::what_was_pruned_is_folded_anew_from_its_archives_and_a_crash_anywhere_leaves_a_whole_journal",
        ],
    ),
    guard(
        "approval",
        "a stored token that says no role is not the highest one",
        (
            "src/api/tokens.rs",
            "        role: Role,\n    },",
            "        #[serde(default)]\n        role: Role,\n    },",
        ),
        &["--lib", "a_token_that_was_made_before_there_were_roles_is_leads_and_one_of_now_says_its_role"],
    ),
    guard(
        "limit",
        "nothing is pruned below an open incident",
        (
            "src/remediator/retention.rs",
            "nothing_open(&world, minimum)?;",
            "let _ = nothing_open(&world, minimum);",
        ),
        &["--test", "cli", "retention::nothing_goes_below_an_open_incident_or_above_the_checkpoint"],
    ),
    guard(
        "one history",
        "a snapshot is what its entry names",
        (
            "src/journal/snapshot.rs",
            "(Blake3::of(&bytes) == taken.state_hash && bytes.len() as u64 == taken.bytes).then_some(bytes)",
            "Some(bytes)",
        ),
        &["--test", "journal", "snapshots::a_snapshot_and_its_tail_are_the_full_fold_at_every_entry"],
    ),
    guard(
        "fsync",
        "a batch is synced before it is acknowledged",
        (
            "src/journal/writer.rs",
            "let written = active.file.write_at(&batch.bytes, active.end).and_then(|()| active.file.sync());",
            "let written = active.file.write_at(&batch.bytes, active.end);",
        ),
        &["--test", "journal", "faults::a_failed_sync_seals_and_is_not_retried"],
    ),
    guard(
        "fsync",
        "syncing reaches the operating system",
        ("src/journal/files.rs", "self.sync_data()", "Ok(())"),
        &["--test", "faults", "--", "fsync", "--count", "1"],
    ),
    guard(
        "fsync",
        "a new segment is synced before it has its name",
        (
            "src/journal/writer.rs",
            "            file.sync()?;\n            store.rename(from, &name_of(first))?;",
            "            store.rename(from, &name_of(first))?;",
        ),
        &["--test", "journal", "faults::power_lost_at_any_moment_of_a_rotation_loses_nothing"],
    ),
    guard(
        "fsync",
        "after a failed sync nothing is acknowledged",
        (
            "src/journal/appender.rs",
            "            Err(Failed::Broken(reason)) => {\n                self.seal(&reason);",
            "            Err(Failed::Broken(reason)) => {",
        ),
        &["--test", "journal", "faults::a_failed_sync_seals_and_is_not_retried"],
    ),
    guard(
        "fsync",
        "no effect and no answer before what it rests on is durable",
        (
            "src/remediator/turn.rs",
            "let committed = self.make_durable(&batch)?;",
            "let committed = self.make_durable(&batch).unwrap_or_default();",
        ),
        &["--test", "faults", "--", "fsync", "--count", "1"],
    ),
    guard(
        "fsync",
        "surviving lines that may not be durable are written anew",
        (
            "src/journal/recovery.rs",
            "if self.damage.is_none() && (survivors || changed) {",
            "if self.damage.is_none() && changed {",
        ),
        &["--test", "journal", "faults::a_failed_sync_seals_and_is_not_retried"],
    ),
    guard(
        "signature",
        "full verification checks every signature",
        (
            "src/journal/signatures.rs",
            "is_some_and(|key| all_hold(key, &batch.signed))",
            "is_some_and(|key| all_hold(key, &batch.signed[..0]))",
        ),
        &["--test", "journal", "damage::a_signature_of_another_line_is_found_by_full_verification"],
    ),
    guard(
        "signature",
        "wrong signatures do not make each other good",
        (
            "src/journal/batch.rs",
            "Scalar::from(u128::from_le_bytes(bytes))",
            "Scalar::from(u128::from_le_bytes(bytes) >> 127 | 1)",
        ),
        &["--lib", "journal::batch::tests::wrong_ones_do_not_make_each_other_good"],
    ),
    guard(
        "signature",
        "under a key of small order nothing holds",
        ("src/journal/batch.rs", "!key.as_dalek().is_weak()", "true"),
        &["--lib", "journal::batch::tests::under_a_key_of_small_order_nothing_holds"],
    ),
    guard(
        "signature",
        "a journal signature must hold",
        (
            "src/base/sign.rs",
            "self.0.verify_strict(message, &Signature::from_bytes(signature)).is_ok()",
            "self.0.verify_strict(message, &Signature::from_bytes(signature)).is_ok() || message.len() > 1",
        ),
        &["--test", "journal", "damage::a_signature_of_another_line_is_found_by_full_verification"],
    ),
    guard(
        "signature",
        "a person's signature must hold",
        (
            "src/base/sshsig.rs",
            "Some((verifying, made)) if verifying.verify_strict(&signed, &made).is_ok() => Ok(key),",
            "Some((verifying, made)) if verifying.verify_strict(&signed, &made).is_ok() || true => Ok(key),",
        ),
        &["--lib", "base::sshsig::tests::a_signature_fits_its_bytes_its_namespace_and_nothing_else"],
    ),
    guard(
        "signature",
        "a signature counts for what it was made for",
        ("src/base/sshsig.rs", "if signature.namespace() != namespace {", "if namespace.is_empty() {"),
        &["--lib", "base::sshsig::tests::a_signature_fits_its_bytes_its_namespace_and_nothing_else"],
    ),
    guard(
        "signature",
        "a signer must hold the role",
        (
            "src/runbook/trust.rs",
            "Err(SignatureError::NoRole { principal: grant.principal.clone(), role })",
            "Ok(Signed { principal: grant.principal.clone(), untimely: None })",
        ),
        &["--lib", "runbook::tests::each_missing_or_wrong_proof_makes_it_observe_only"],
    ),
    guard(
        "signature",
        "a runbook without a signature is not live",
        (
            "src/runbook/verified/signature.rs",
            "armored.ok_or_else(|| Wrong::new(\"signature\", \"it is not signed\", &sign))?;",
            "match armored { Some(armored) => armored, None => return Ok(sign) };",
        ),
        &["--lib", "runbook::tests::each_missing_or_wrong_proof_makes_it_observe_only"],
    ),
    guard(
        "signature",
        "a revoked key signs nothing",
        ("src/runbook/trust.rs", "if self.revoked.has_key(key) {", "if false && self.revoked.has_key(key) {"),
        &["--lib", "runbook::tests::revoking_a_file_a_key_a_proposal_or_an_approval_ends_it"],
    ),
    guard(
        "signature",
        "the sample keys count nowhere",
        (
            "src/runbook/trust.rs",
            "if self.samples == SampleKeys::Refused &&",
            "if self.samples == SampleKeys::Allowed &&",
        ),
        &["--lib", "runbook::tests::this_repository_stands_by_its_sample_keys_where_they_are_allowed"],
    ),
    guard(
        "signature",
        "trust changes only with a signature of the version in force",
        (
            "src/runbook/trust.rs",
            "match self.verify(Role::Trust, new, armored, now_us).map_err(|e| unsigned(e.to_string()))? {",
            "match Self::load(files)?.verify(Role::Trust, new, armored, now_us).map_err(|e| unsigned(e.to_string()))? {",
        ),
        &[
            "--lib",
            "runbook::tests::trust::the_trust_files_change_only_with_a_signature_of_the_version_in_force",
        ],
    ),
    guard(
        "signature",
        "a control needs a signature for it",
        (
            "src/remediator/control.rs",
            ".verify(control.role(), bytes,",
            ".verify(control.role(), signature.as_bytes(),",
        ),
        &["--lib", "remediator::control::tests::a_statement_counts_with_role_signature_node_and_time"],
    ),
    guard(
        "approval",
        "an approval is of these very bytes",
        (
            "src/runbook/verified/approval.rs",
            "if !approved.approval.covers(&case.digest) {",
            "if path.is_empty() {",
        ),
        &["--lib", "runbook::tests::each_missing_or_wrong_proof_makes_it_observe_only"],
    ),
    guard(
        "approval",
        "nobody's approval is not enough",
        (
            "src/runbook/verified/approval.rs",
            "if approvers.is_empty() {",
            "if approvers.is_empty() && !wrongs.is_empty() {",
        ),
        &["--lib", "runbook::tests::each_missing_or_wrong_proof_makes_it_observe_only"],
    ),
    guard(
        "approval",
        "nobody approves their own work",
        (
            "src/runbook/verified/approval.rs",
            "if !authors.contains(&Some(approver.as_str())) {",
            "if !authors.is_empty() {",
        ),
        &["--lib", "runbook::tests::nobody_approves_their_own_work_but_under_the_solo_policy"],
    ),
    guard(
        "approval",
        "an approval is used once",
        ("src/runbook/proposals.rs", "filter(|paths| paths.len() > 1)", "filter(|paths| paths.is_empty())"),
        &["--lib", "runbook::tests::an_approval_can_be_used_once_only"],
    ),
    guard(
        "approval",
        "an approval is of this version of the proposal",
        (
            "src/runbook/proposals.rs",
            "if approval.proposal.digest != FileDigest::of(proposal) {",
            "if proposal.is_empty() {",
        ),
        &["--lib", "runbook::tests::each_missing_or_wrong_proof_makes_it_observe_only"],
    ),
    guard(
        "approval",
        "what runs is the runbook that the attempt was planned from",
        ("src/action/permit.rs", "if verified != basis.planned {", "if false && verified != basis.planned {"),
        &["--lib", "action::permit::tests::another_runbook_or_a_missing_undo_is_refused"],
    ),
    guard(
        "approval",
        "what runs is what was intended",
        ("src/action/permit.rs", "if asked != said.action {", "if false && asked != said.action {"),
        &["--lib", "action::permit::tests::each_check_refuses_on_its_own"],
    ),
    guard(
        "approval",
        "what is approved is what was shown",
        (
            "src/runbook/authoring.rs",
            "if FileDigest::of(&read(&request.folder.join(path))?) != shown {",
            "if FileDigest::of(&read(&request.folder.join(path))?) != shown && path.is_empty() {",
        ),
        &["--lib", "runbook::authoring::tests::an_approval_that_we_write_is_one_that_counts"],
    ),
    guard(
        "approval",
        "a service that a step names is among the targets argued for",
        (
            "src/runbook/verified/within.rs",
            "if let Reach::Service(service) = reach::of(action) {",
            "if let Reach::Service(service @ \"\") = reach::of(action) {",
        ),
        &["--lib", "runbook::tests::each_missing_or_wrong_proof_makes_it_observe_only"],
    ),
    guard(
        "approval",
        "what names no target is not of the radius process",
        (
            "src/runbook/checks/reach.rs",
            "if reach::of(action) == Reach::Unnamed {",
            "if reach::of(action) == Reach::Unnamed && path.is_empty() {",
        ),
        &["--lib", "runbook::checks::tests::what_names_no_target_needs_a_wider_blast_radius"],
    ),
    guard(
        "signature",
        "the last holder of trust is not signed away",
        ("src/runbook/trust.rs", "next.must_be_sound(now_us).map(|()| next)", "Ok(next)"),
        &["--lib", "runbook::tests::trust::the_last_holder_of_trust_or_control_cannot_be_signed_away"],
    ),
    guard(
        "approval",
        "a policy that asks for a backtest gets one of these very bytes",
        (
            "src/runbook/backtested.rs",
            "if self.runbook != *runbook {",
            "if false && self.runbook != *runbook {",
        ),
        &[
            "--lib",
            "runbook::verified::backtest::tests::a_policy_that_asks_for_a_backtest_gets_one_of_these_very_bytes",
        ],
    ),
    guard(
        "lock token",
        "a late holder is refused by its token",
        ("src/action/permit.rs", "if said.token != lock.token() {", "if said.token == u64::MAX {"),
        &["--lib", "action::permit::tests::each_check_refuses_on_its_own"],
    ),
    guard(
        "lock token",
        "the lock is looked at when a permit is asked for",
        (
            "src/action/permit.rs",
            "        return Err(Refusal::OtherToken { intended: said.token, held: lock.token() });\n    }\n    Ok(lock.still_held()?)",
            "        return Err(Refusal::OtherToken { intended: said.token, held: lock.token() });\n    }\n    Ok(())",
        ),
        &["--lib", "action::permit::tests::a_lock_lost_after_the_permit_is_noticed_at_once"],
    ),
    guard(
        "lock token",
        "the lock is looked at immediately before the step",
        ("src/action/permit.rs", "Ok(self.lock.still_held()?)", "Ok(())"),
        &["--lib", "action::run::tests::a_lost_lock_refuses_and_nothing_is_started"],
    ),
    guard(
        "lock token",
        "a token grows beyond the file's and the journal's",
        ("src/coordination/file.rs", "let token = before.max(floor) + 1;", "let token = before + 1;"),
        &["--lib", "coordination::file::tests::a_held_lock_is_refused_with_its_holder_and_its_token_grows"],
    ),
    guard(
        "lock token",
        "a lock has one holder",
        (
            "src/coordination/file.rs",
            "FlockOperation::NonBlockingLockExclusive",
            "FlockOperation::NonBlockingLockShared",
        ),
        &["--lib", "coordination::file::tests::a_held_lock_is_refused_with_its_holder_and_its_token_grows"],
    ),
    guard(
        "lock token",
        "a held lock still bears its own token",
        (
            "src/coordination/file.rs",
            "Ok(Some(line)) if line.token == self.token => Ok(()),",
            "Ok(Some(line)) if line.token > 0 => Ok(()),",
        ),
        &["--lib", "coordination::file::tests::a_stolen_lock_is_noticed"],
    ),
    guard(
        "lock token",
        "a broken lock is no longer its holder's",
        (
            "src/coordination/break_lock.rs",
            "replace(folder, &name, &new).map_err(io(\"break\"))?;",
            "let _ = (io(\"break\"), replace);",
        ),
        &[
            "--lib",
            "coordination::break_lock::tests::a_late_holder_is_refused_by_its_token_and_the_next_one_has_a_larger",
        ],
    ),
    guard(
        "lock token",
        "only the holder that was meant loses its lock",
        ("src/coordination/break_lock.rs", "if line.token != token {", "if line.token == u64::MAX {"),
        &[
            "--lib",
            "coordination::break_lock::tests::a_late_holder_is_refused_by_its_token_and_the_next_one_has_a_larger",
        ],
    ),
    guard(
        "limit",
        "a drain begins nothing",
        (
            "src/policy/limits.rs",
            "if let Some(drain) = &world.control.drain {",
            "if let Some(drain) = world.control.drain.as_ref().filter(|_| false) {",
        ),
        &[
            "--lib",
            "policy::tests::limits::a_drain_lets_what_runs_finish_begins_nothing_new_and_says_when_it_is_quiet",
        ],
    ),
    guard(
        "limit",
        "rotations of the key per day",
        ("src/policy/people.rs", "if made >= KEY_ROTATIONS_PER_DAY_MAX {", "if made == usize::MAX {"),
        &["--lib", "policy::tests::limits::a_key_is_rotated_three_times_a_day_and_a_refusal_is_on_record"],
    ),
    guard(
        "signature",
        "a revocation signs nobody else's change along",
        ("src/cli/proposal/revoke.rs", "filter(|_| pending.is_empty())", "filter(|_| pending.len() < 1000)"),
        &[
            "--test",
            "cli",
            "proposals::who_may_not_revoke_is_told_who_may_and_nothing_of_others_is_signed_along",
        ],
    ),
    guard(
        "approval",
        "an author is told what goes beyond the proposal",
        (
            "src/cli/proposal/against.rs",
            "within(&proposal, content).into_iter();",
            "within(&proposal, content).into_iter().take(0);",
        ),
        &["--lib", "cli::proposal::against::tests::everything_beyond_the_proposal_is_found_at_its_place"],
    ),
    guard(
        "signature",
        "a backup is what was backed up",
        (
            "src/cli/backup/manifest.rs",
            "if FileDigest::of(&bytes) != *digest {",
            "if false && FileDigest::of(&bytes) != *digest {",
        ),
        &["--test", "cli", "keeping::a_backup_of_a_running_home_becomes_a_home_that_verifies_and_serves"],
    ),
    guard(
        "lock token",
        "the proof needs the durable grant of these tokens",
        ("src/coordination/proof.rs", "if tokens != granted.event().tokens {", "if tokens.is_empty() {"),
        &["--lib", "coordination::proof::tests::the_proof_needs_the_grant_of_these_very_tokens"],
    ),
    guard(
        "limit",
        "cooldown",
        ("src/policy/limits.rs", "(free > now).then(||", "(free > u64::MAX - now).then(||"),
        &["--lib", "policy::tests::limits::cooldown_then_attempts_then_people"],
    ),
    guard(
        "limit",
        "attempts per runbook and target",
        (
            "src/policy/limits.rs",
            "(made >= limits.attempts as usize).then(||",
            "(made == usize::MAX).then(||",
        ),
        &["--lib", "policy::tests::limits::cooldown_then_attempts_then_people"],
    ),
    guard(
        "limit",
        "attempts per fingerprint",
        ("src/policy/limits.rs", "(made >= limit).then(||", "(made == usize::MAX && limit > 0).then(||"),
        &["--lib", "policy::tests::limits::trouble_that_keeps_coming_back_is_announced_only"],
    ),
    guard(
        "limit",
        "attempts at once",
        ("src/policy/limits.rs", "if running >= limit &&", "if running == usize::MAX && limit > 0 &&"),
        &["--lib", "policy::tests::limits::two_attempts_at_once_and_the_third_waits_its_turn"],
    ),
    guard(
        "limit",
        "a frozen runbook stays frozen",
        (
            "src/policy/limits.rs",
            "if let Some(frozen) = world.machine.frozen_for(&offer.runbook, target) {",
            "if let Some(frozen) = world.machine.frozen_for(\"\", target) {",
        ),
        &[
            "--lib",
            "policy::tests::recovery::a_frozen_runbook_does_not_act_on_its_target_for_another_trouble_either",
        ],
    ),
    guard(
        "limit",
        "a nearly full disk begins nothing",
        ("src/policy/limits.rs", "if desk.space_low() {", "if false && desk.space_low() {"),
        &["--lib", "policy::tests::limits::a_nearly_full_disk_begins_nothing_new_and_goes_on_by_itself"],
    ),
    guard(
        "limit",
        "a reserve for the last words",
        (
            "src/journal/writer.rs",
            "let keep = if class == AppendClass::Essential { 0 } else { KEPT_AHEAD_BYTES };",
            "let keep = if class == AppendClass::Essential { 0 } else { KEPT_AHEAD_BYTES * 0 };",
        ),
        &["--test", "journal", "faults::on_a_full_disk_only_the_last_words_go_through"],
    ),
    guard(
        "expiry",
        "an approval must be adopted in time",
        (
            "src/runbook/verified/approval.rs",
            "if case.adoption == Adoption::First && self.now_us >= approved.adopt_before_us {",
            "if case.adoption == Adoption::First && self.now_us == approved.adopt_before_us {",
        ),
        &["--lib", "runbook::tests::each_missing_or_wrong_proof_makes_it_observe_only"],
    ),
    guard(
        "expiry",
        "a key outside of its time signs nothing new",
        (
            "src/runbook/verified/mod.rs",
            "Some(why) if adoption == Adoption::First => Err(Wrong::new(\"validity\", why, mend)),",
            "Some(why) if why.is_empty() && adoption == Adoption::First => Err(Wrong::new(\"validity\", why, mend)),",
        ),
        &["--lib", "runbook::tests::once_adopted_it_stays_live_when_times_run_out"],
    ),
    guard(
        "expiry",
        "a signed statement grows old",
        (
            "src/remediator/control.rs",
            "if (now_us - issued.as_microsecond()).abs() > STATEMENT_US_MAX {",
            "if (now_us - issued.as_microsecond()).abs() > STATEMENT_US_MAX * 1000 {",
        ),
        &["--lib", "remediator::control::tests::a_statement_counts_with_role_signature_node_and_time"],
    ),
    guard(
        "expiry",
        "nothing is started after its deadline",
        (
            "src/action/permit.rs",
            "Some(left) if left > 0 => Ok(left),",
            "left if left != Some(u64::MAX) => Ok(1_000),",
        ),
        &["--lib", "action::permit::tests::each_check_refuses_on_its_own"],
    ),
    guard(
        "expiry",
        "an attempt does not go on past its runtime",
        (
            "src/policy/steps.rs",
            "if runtime_is_over(attempt, desk.now()) {",
            "if runtime_is_over(attempt, 0) {",
        ),
        &["--test", "faults", "--", "stop", "--count", "1"],
    ),
    guard(
        "provenance",
        "a sentinel speaks for its subsystems only",
        (
            "src/api/routes/degradations.rs",
            "&& !subsystems.contains(&report.subsystem)",
            "&& subsystems.is_empty() && name.is_empty()",
        ),
        &["--test", "api", "routes::a_sentinel_speaks_for_its_subsystems_only_and_the_try_is_kept"],
    ),
    guard(
        "provenance",
        "a home made from an export never acts",
        ("src/cli/home.rs", "        if !home.is_imported() {", "        if home.state().is_dir() {"),
        &["--test", "cli", "journal::an_export_becomes_a_home_that_is_read_alike_and_never_acts"],
    ),
    guard(
        "limit",
        "no more streams than there are places",
        (
            "src/api/stream/hub.rs",
            "seats: Arc::new(Semaphore::new(places)),",
            "seats: Arc::new(Semaphore::new(places + 1)),",
        ),
        &[
            "--lib",
            "api::stream::hub::tests::there_are_no_more_readers_than_places_and_a_place_is_given_back",
        ],
    ),
    guard(
        "provenance",
        "a page of others does not use a browser's session",
        ("src/api/auth.rs", "    origin::check(&api.place, method, headers)?;\n", ""),
        &["--test", "api", "session::what_a_page_of_others_has_a_browser_send_changes_nothing"],
    ),
    guard(
        "provenance",
        "a name that leads here is no address of ours",
        (
            "src/api/origin.rs",
            "name.eq_ignore_ascii_case(\"localhost\") || address(name).is_some() || known() {",
            "true {",
        ),
        &["--lib", "api::origin::tests::only_what_this_page_asks_at_an_address_counts"],
    ),
    guard(
        "expiry",
        "a session ends when it is idle or old",
        (
            "src/api/sessions.rs",
            "let (Some(bearer), true) = (bearer, session.is_good(now_s)) else {",
            "let (Some(bearer), true) = (bearer, true) else {",
        ),
        &["--lib", "api::sessions::tests::a_session_ends_when_it_is_idle_old_or_ended_and_with_its_token"],
    ),
    guard(
        "limit",
        "logins that fail are counted",
        (
            "src/api/sessions.rs",
            "Some(first) if inner.failures.len() >= LOGIN_FAILURES_MAX => {",
            "Some(first) if inner.failures.len() > LOGIN_FAILURES_MAX * 9_999 => {",
        ),
        &["--test", "api", "session::logins_that_fail_are_counted_and_tokens_work_meanwhile"],
    ),
    guard(
        "provenance",
        "a sentinel can only publish",
        (
            "src/api/roles.rs",
            "Some(Bearer::Sentinel { .. }) if matches!(self, Self::RoleOrSentinel(_)) => Ok(()),",
            "Some(Bearer::Sentinel { .. }) if self != Self::Nothing => Ok(()),",
        ),
        &["--test", "api", "routes::a_sentinel_speaks_for_its_subsystems_only_and_the_try_is_kept"],
    ),
    guard(
        "provenance",
        "a token may what its role may",
        ("src/api/roles.rs", "if role >= needed {", "if role >= needed || role == Role::Read {"),
        &["--test", "api", "matrix::every_route_lets_through_the_roles_that_may_and_nobody_else"],
    ),
    guard(
        "provenance",
        "a name counts for the page only when it was said",
        (
            "src/api/origin.rs",
            "let known = || place.hosts.iter().any(|own| name.eq_ignore_ascii_case(own));",
            "let known = || !name.is_empty() && !place.hosts.is_empty();",
        ),
        &["--test", "api", "session::a_name_that_was_said_is_as_good_as_an_address"],
    ),
    guard(
        "signature",
        "where a certificate is asked for nobody gets in without one",
        (
            "src/api/tls.rs",
            "builder.with_client_cert_verifier(verifier.map_err(|error| unusable(error.to_string()))?)",
            "{ drop(verifier); builder.with_no_client_auth() }",
        ),
        &["--test", "cli", "encryption::where_a_certificate_is_asked_for_nobody_gets_in_without_a_good_one"],
    ),
    guard(
        "limit",
        "a head that trickles is cut off",
        (
            "src/api/server.rs",
            "        .header_read_timeout(bounds.head)\n",
            "        .header_read_timeout(None::<std::time::Duration>)\n",
        ),
        &["--test", "api", "limits::a_head_that_trickles_is_cut_off"],
    ),
    guard(
        "limit",
        "a head is bounded",
        ("src/api/server.rs", "        .max_header_size(HEAD_BYTES_MAX)\n", ""),
        &["--test", "api", "limits::a_head_that_is_too_large_or_has_too_many_headers_is_refused"],
    ),
    guard(
        "limit",
        "one address has so many connections",
        ("src/api/connections.rs", "        if *count >= max {", "        if *count > max * 999 {"),
        &["--test", "api", "limits::one_address_does_not_take_every_place"],
    ),
    guard(
        "limit",
        "no packed body is taken",
        ("src/api/mod.rs", "        .layer(axum::middleware::from_fn(guard::encoding))\n", ""),
        &["--test", "api", "limits::a_packed_body_is_refused_and_never_unpacked"],
    ),
    guard(
        "limit",
        "a reader that stalls is dropped",
        (
            "src/api/stream/reader.rs",
            "        if self.stalled() {\n            return Some(Dropped::Stalled);\n        }\n",
            "",
        ),
        &["--test", "api", "stream::a_reader_that_stalls_is_dropped_with_a_hint_and_goes_on_without_gap"],
    ),
    guard(
        "provenance",
        "what a route needs is asked before the route",
        (
            "src/api/operation.rs",
            "            Needs::Nothing => handler,\n",
            "            Needs::Nothing | Needs::Role(Role::Lead) => handler,\n",
        ),
        &["--test", "api", "matrix::every_route_lets_through_the_roles_that_may_and_nobody_else"],
    ),
    guard(
        "provenance",
        "a revoked token counts no more, without a restart",
        ("src/api/token_file.rs", "if stamp != read.0 {", "if read.0.is_none() {"),
        &[
            "--lib",
            "api::token_file::tests::a_token_counts_from_when_it_is_in_the_file_until_it_is_out_again",
        ],
    ),
    guard(
        "provenance",
        "a token must be known",
        (
            "src/api/tokens.rs",
            "if bool::from(stored.hash.as_bytes().ct_eq(hash.as_bytes())) {",
            "if bool::from(stored.hash.as_bytes().ct_eq(hash.as_bytes())) || true {",
        ),
        &["--test", "api", "routes::without_a_known_token_every_route_but_the_health_ones_is_closed"],
    ),
    guard(
        "provenance",
        "free text opens nothing",
        ("src/policy/intake.rs", "if !seen.actionable {", "if seen.summary.is_empty() {"),
        &["--lib", "policy::tests::limits::what_is_not_actionable_is_kept_and_opens_nothing"],
    ),
    guard(
        "leftover hunt",
        "an environment that is not whole is read again",
        (
            "src/action/table.rs",
            "Ok(if is_whole(&stat, bytes.len()) {",
            "Ok(if is_whole(&stat, bytes.len()) || bytes.len() < usize::MAX {",
        ),
        &["--lib", "action::table::tests::marks_are_seen_while_one_program_makes_way_for_the_next"],
    ),
    guard(
        "leftover hunt",
        "leftovers are hunted before anything is decided",
        (
            "src/remediator/recover.rs",
            "let found = leftovers::hunt(&known, GRACE)?;",
            "let found = if true { Vec::new() } else { leftovers::hunt(&known, GRACE)? };",
        ),
        &["--test", "faults", "--", "leftovers", "--count", "1", "--seed", "3"],
    ),
    guard(
        "leftover hunt",
        "processes are found by their mark",
        (
            "src/action/leftovers.rs",
            "table::marks(stat.pid).filter(|marks| marks.step.node == known.node)",
            "table::marks(stat.pid).filter(|marks| marks.step.node != known.node)",
        ),
        &["--lib", "action::leftovers::tests::a_step_whose_start_was_not_yet_an_entry_is_found_by_its_mark"],
    ),
    guard(
        "leftover hunt",
        "another process of that number is left alone",
        (
            "src/action/leftovers.rs",
            "Seen::Alive(stat) if stat.start_ticks == step.start_ticks => {",
            "Seen::Alive(stat) if stat.start_ticks >= step.start_ticks => {",
        ),
        &["--lib", "action::leftovers::tests::open_steps_are_ended_and_the_gone_are_told"],
    ),
    guard(
        "no repetition",
        "a crash repeats only what is idempotent",
        ("src/policy/recovery.rs", "if repeatable && !again {", "if !again {"),
        &["--lib", "policy::tests::recovery::a_crash_at_every_entry_runs_a_non_idempotent_step_at_most_once"],
    ),
    guard(
        "no repetition",
        "a failed step is tried again only when it is idempotent",
        ("src/policy/steps.rs", "let safe = plan.idempotent ||", "let safe = true ||"),
        &["--lib", "policy::tests::lives::retries_are_for_idempotent_steps_only"],
    ),
    guard(
        "no repetition",
        "an undo is never repeated",
        (
            "src/policy/recovery.rs",
            "(AttemptState::Undoing, Some(_)) if undo_lost => {",
            "(AttemptState::Undoing, Some(_)) if undo_lost && a.resumed > 99 => {",
        ),
        &["--lib", "policy::tests::recovery::a_crash_at_every_entry_takes_a_step_back_at_most_once"],
    ),
    guard(
        "no repetition",
        "the same sender's id is one report",
        (
            "src/policy/intake.rs",
            "if let Some(id) = &seen.sender_id",
            "if let Some(id) = seen.sender_id.as_ref().filter(|id| id.is_empty())",
        ),
        &[
            "--lib",
            "policy::tests::lives::the_same_trouble_is_one_incident_and_the_same_sender_id_one_receipt",
        ],
    ),
    guard(
        "no repetition",
        "one process has the journal",
        (
            "src/journal/files.rs",
            "Err(TryLockError::WouldBlock) => Err(Error::Locked { path: folder.to_owned() }),",
            "Err(TryLockError::WouldBlock) => Ok(Self { _file: file }),",
        ),
        &["--test", "faults", "--", "two", "--count", "1"],
    ),
    guard(
        "limit",
        "a file step follows no symbolic link",
        (
            "src/action/root.rs",
            "ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS",
            "ResolveFlags::empty()",
        ),
        &["--lib", "action::file::tests::no_name_and_no_link_leads_out_of_the_root"],
    ),
    guard(
        "limit",
        "more processes than declared are not signalled",
        ("src/action/signal.rs", "if found.len() > plan.at_most as usize {", "if found.is_empty() {"),
        &["--lib", "action::signal::tests::nobody_is_signalled_when_nobody_or_more_than_declared_are_there"],
    ),
    guard(
        "limit",
        "remediator does not signal itself",
        ("src/action/signal.rs", "if pid == rustix::process::getpid() {", "if pid == Pid::INIT {"),
        &["--lib", "action::signal::tests::process_one_and_remediator_itself_are_never_signalled"],
    ),
    guard(
        "no repetition",
        "only the failures that are named are tried again",
        (
            "src/policy/steps.rs",
            "safe && try_no <= plan.retries && plan.retries_on(outcome)",
            "safe && try_no <= plan.retries",
        ),
        &["--lib", "policy::tests::lives::failures_are_tried_again_by_their_kind"],
    ),
    guard(
        "limit",
        "a canary that fails lets nothing further begin",
        (
            "src/policy/group.rs",
            "let stopped = canary_failed || too_many || would_not_die;",
            "let stopped = too_many || would_not_die;",
        ),
        &["--lib", "policy::tests::groups::a_canary_that_fails_stops_everything_whatever_may_fail"],
    ),
    guard(
        "no repetition",
        "steps run beside each other only within their group",
        (
            "src/context/attempt.rs",
            "group.is_some() && theirs == group && other.step != step && !other.undo",
            "true",
        ),
        &["--lib", "context::attempt::tests::steps_run_beside_each_other_only_within_their_group"],
    ),
    guard(
        "approval",
        "an attempt is not ordered again with a statement that was used",
        ("src/policy/rerun.rs", "if people::used(desk, &statement) {", "if desk.incident(id).is_none() {"),
        &["--lib", "policy::tests::reruns::it_needs_rest_a_live_runbook_and_a_statement_that_was_not_used"],
    ),
    guard(
        "approval",
        "a runbook above the policy's trust level does not act before somebody lets it",
        ("src/policy/trust.rs", "if needed <= given {", "if needed <= given || offer.priority > 0 {"),
        &["--lib", "policy::tests::trust::one_above_the_policys_level_asks_and_acts_once_when_it_is_let"],
    ),
    guard(
        "approval",
        "a word that lets a runbook act is good once",
        (
            "src/context/control.rs",
            "if let Some(statement) = &granted.statement {",
            "if let Some(statement) = granted.statement.as_ref().filter(|_| now == 0) {",
        ),
        &["--lib", "policy::tests::trust::one_above_the_policys_level_asks_and_acts_once_when_it_is_let"],
    ),
    guard(
        "approval",
        "who signed a runbook does not let it as well",
        ("src/policy/trust.rs", "if !authority.solo {", "if !authority.solo && desk.now() == 0 {"),
        &[
            "--lib",
            "policy::tests::trust::only_the_request_and_the_bytes_that_were_read_are_let_and_not_by_who_signed_them",
        ],
    ),
    guard(
        "expiry",
        "what was granted runs out",
        ("src/policy/trust.rs", "(*until_elapsed_ms <= now)", "(*until_elapsed_ms == 0)"),
        &[
            "--lib",
            "policy::tests::trust::a_grant_that_cannot_be_used_at_once_waits_is_taken_back_or_runs_out",
        ],
    ),
    guard(
        "limit",
        "a decider grants no more than the policy lets it",
        (
            "src/policy/trust.rs",
            "authority.decider.filter(|decider| needed <= decider.up_to)",
            "authority.decider.filter(|decider| needed != decider.up_to || needed == decider.up_to)",
        ),
        &[
            "--lib",
            "policy::tests::trust::a_decider_is_asked_first_within_its_bounds_and_people_when_it_does_not_answer",
        ],
    ),
    guard(
        "no repetition",
        "a step that was taken back is not skipped when its attempt runs again",
        ("src/policy/rerun.rs", "false if index > most => {", "false if most > index => {"),
        &["--lib", "policy::tests::reruns::what_was_taken_back_or_changed_is_done_again_and_never_skipped"],
    ),
    guard(
        "no repetition",
        "the same alert is over once",
        (
            "src/policy/intake.rs",
            "if let Some(id) = &recovered.sender_id",
            "if let Some(id) = recovered.sender_id.as_ref().filter(|id| id.is_empty())",
        ),
        &["--test", "outside", "ingest::alertmanager_is_deduplicated_resolved_and_held_to_its_grant"],
    ),
    guard(
        "provenance",
        "ingest is held to the grant of its token",
        (
            "src/api/routes/ingest.rs",
            "if !subsystems.iter().any(|s| s == said.subsystem())",
            "if subsystems.is_empty()",
        ),
        &["--test", "outside", "ingest::alertmanager_is_deduplicated_resolved_and_held_to_its_grant"],
    ),
    guard(
        "provenance",
        "what a source of free text says is not actionable",
        (
            "src/remediator/handle.rs",
            "seen.actionable = !running.ingest().is_free_text(&seen.source);",
            "seen.actionable = true;",
        ),
        &["--test", "outside", "ingest::other_json_and_grafana_are_mapped_and_free_text_never_acts"],
    ),
    guard(
        "limit",
        "who was not told cannot have failed to react",
        (
            "src/policy/escalation.rs",
            "let may_climb = rung_left && undelivered.is_none();",
            "let may_climb = rung_left;",
        ),
        &["--lib", "policy::tests::notices::an_escalation_that_reaches_nobody_stays_where_it_is_and_is_loud"],
    ),
    guard(
        "signature",
        "a webhook's signature covers its time",
        ("src/notify/webhook.rs", "mac.update(timestamp.as_bytes());", "mac.update(b\"\");"),
        &["--lib", "notify::webhook::tests::the_signature_is_what_openssl_computes"],
    ),
    guard(
        "provenance",
        "what a log says is free text and starts nothing",
        ("src/event/plan/look.rs", "            Self::Log(_) => true,", "            Self::Log(_) => false,"),
        &["--test", "cli", "sentinel::what_a_log_says_is_kept_and_starts_nothing"],
    ),
    guard(
        "no repetition",
        "a heartbeat that is sent again does not count",
        (
            "src/sentinel/heartbeat.rs",
            "row.last.filter(|last| at_ms <= last.at_ms)",
            "row.last.filter(|last| at_ms == 0 && at_ms <= last.at_ms)",
        ),
        &["--lib", "sentinel::heartbeat::tests::replayed_delayed_and_future_beats_do_not_make_anybody_live"],
    ),
    guard(
        "no repetition",
        "a sentinel that comes back goes on from its edge",
        (
            "src/remediator/bootstrap.rs",
            "            let edges = edges(&audit.sentinels());",
            "            let edges = edges(&Default::default());",
        ),
        &["--test", "cli", "sentinel::one_that_is_taken_out_and_put_back_goes_on_from_its_edge"],
    ),
    guard(
        "leftover hunt",
        "what a crashed daemon looked or told people with is ended, and nobody else's",
        (
            "src/action/program.rs",
            "table::mark(stat.pid, PROGRAM_MARK).as_ref() == Some(&ours)",
            "table::mark(stat.pid, PROGRAM_MARK).is_some()",
        ),
        &["--lib", "action::look::tests::what_a_crashed_daemon_left_is_ended_as_a_group_and_nobody_elses"],
    ),
    guard(
        "provenance",
        "whoever answers in a service's place does not make it healthy",
        (
            "src/sentinel/service.rs",
            "(Verdict::Failed, Verdict::Healthy) => (Verdict::Failed,",
            "(Verdict::Failed, Verdict::Healthy) => (Verdict::Healthy,",
        ),
        &["--test", "cli", "operator::another_process_that_answers_in_a_services_place_heals_nothing"],
    ),
    guard(
        "provenance",
        "a daemon does nothing for another home, though a copy has its tokens",
        (
            "src/api/guard.rs",
            "        && asked != own.as_bytes()",
            "        && asked.is_empty()\n        && asked != own.as_bytes()",
        ),
        &[
            "--test",
            "cli",
            "keeping::a_restored_copy_never_speaks_to_the_daemon_of_the_original_nor_runs_beside_it",
        ],
    ),
    guard(
        "leftover hunt",
        "a copy does not run beside the original, whose services it would adopt",
        (
            "src/coordination/node.rs",
            "Err(Errno::WOULDBLOCK) => return Err(LockError::NodeServed { node, by: words(&file) }),",
            "Err(Errno::WOULDBLOCK) => {}",
        ),
        &["--lib", "coordination::node::tests::a_node_is_served_once_and_again_when_that_one_has_ended"],
    ),
    guard(
        "signature",
        "a value of allowed_signers stands between two double quotes and nothing else does",
        ("src/base/signers.rs", "(!inner.contains(['\"', '\\\\'])).then_some(inner)", "Some(inner)"),
        &["--lib", "base::signers::tests::each_surprise_is_refused_with_its_line"],
    ),
    guard(
        "provenance",
        "what turns or breaks a line where it is shown is not in a signed file",
        ("src/runbook/checks/bytes.rs", "c != '\\t' || shows_otherwise(c)", "c != '\\t'"),
        &["--lib", "runbook::checks::tests::bytes_that_editors_hide_are_refused"],
    ),
    guard(
        "provenance",
        "the loader reads regular files only, whatever stood there a moment ago",
        ("src/runbook/loader.rs", "if !file.metadata()?.is_file() {", "if false {"),
        &[
            "--lib",
            "runbook::loader::tests::a_pipe_or_link_in_the_place_of_a_listed_file_is_neither_waited_for_nor_followed",
        ],
    ),
    guard(
        "provenance",
        "a name that could look like another is no name of a content file",
        (
            "src/runbook/loader.rs",
            "filter(|name| content::is_admissible(name))",
            "filter(|_| content::is_admissible(\"\"))",
        ),
        &["--lib", "runbook::loader::tests::hostile_names_are_listed_harmlessly_and_never_read"],
    ),
    guard(
        "limit",
        "a content folder is read up to a bound",
        (
            "src/runbook/loader.rs",
            "self.bytes_left.checked_sub(bytes.len());",
            "Some(self.bytes_left.saturating_sub(bytes.len()));",
        ),
        &["--lib", "runbook::loader::tests::a_folder_without_end_is_refused"],
    ),
    guard(
        "limit",
        "words from outside in a message are cut",
        ("src/base/text.rs", "if out.len() > bytes_max {", "if false {"),
        &["--lib", "base::text::tests::what_others_say_is_shown_short_and_harmless"],
    ),
    guard(
        "approval",
        "what reaches far or cannot be taken back needs as many as the policy says",
        (
            "src/runbook/verified/approval.rs",
            "Some((needed, why)) if approvers.len() < needed => {",
            "Some((needed, why)) if approvers.len() < needed.min(1) => {",
        ),
        &["--test", "gate", "adversarial::the_policy_asks_for_two_where_one_is_not_enough"],
    ),
    guard(
        "approval",
        "the gate looks at what a nonce used twice takes the force of",
        (
            "src/gate/scope.rs",
            "names.extend(serde_json::from_slice::<Approval>(bytes).map(|approval| approval.nonce));",
            "names.extend(serde_json::from_slice::<Approval>(bytes).map(|_| String::new()));",
        ),
        &["--test", "gate", "reach::a_nonce_used_again_takes_the_force_of_the_other_approval_too"],
    ),
    guard(
        "approval",
        "the gate looks at what a change may be in the way of",
        ("src/gate/scope.rs", "names.insert(runbook.matcher.code.clone());", ""),
        &["--test", "gate", "reach::a_place_of_another_family_is_taken"],
    ),
    guard(
        "approval",
        "the gate looks at services that a change rests on",
        ("src/gate/scope.rs", " || known.holds(&other.finders)", ""),
        &["--test", "gate", "reach::what_rests_on_a_service_finds_it"],
    ),
    guard(
        "approval",
        "the gate leaves out nothing that may be spelled otherwise",
        ("src/gate/scope.rs", "head.is_none() || memchr::memchr(b'\\\\', bytes).is_some()", "head.is_none()"),
        &["--test", "gate", "reach::what_rests_on_a_service_by_way_of_another_is_reached"],
    ),
    guard(
        "provenance",
        "the gate believes the trust of the base, not of the change",
        (
            "src/gate/judge.rs",
            "let before = change.before.trust_files();",
            "let before = change.after.trust_files();",
        ),
        &["--test", "gate", "adversarial::the_change_brings_its_own_key_or_policy"],
    ),
    guard(
        "provenance",
        "the change that introduces trust brings nothing else",
        (
            "src/gate/judge.rs",
            "change.touched.iter().filter(|path| !path.starts_with(\"proposals/trust/\"));",
            "change.touched.iter().filter(|path| path.is_empty());",
        ),
        &["--test", "gate", "adversarial::trust_and_runbooks_in_one_first_change"],
    ),
    guard(
        "approval",
        "an approval does not vanish under a file that stays",
        (
            "src/gate/checks/approvals.rs",
            "approved.approval.covers(&digest) && !still(&digest)",
            "approved.approval.covers(&digest) && !still(&digest) && digest.to_string().is_empty()",
        ),
        &["--test", "gate", "adversarial::an_approval_taken_away_or_weakened_under_a_file_that_stays"],
    ),
    guard(
        "provenance",
        "a runbook that goes leaves a note of this very version",
        (
            "src/gate/checks/retirement.rs",
            "Ok(note) if note.digest == old.digest && note.runbook == old.id => continue,",
            "Ok(_) => continue,\n                #[allow(unreachable_patterns)]",
        ),
        &["--test", "gate", "honest::a_runbook_removed_with_its_note_passes_and_without_is_blocked"],
    ),
    guard(
        "approval",
        "what was revoked keeps its place for the gate, too",
        ("src/gate/past.rs", "past.first_live.extend(names.into_iter().map(|name| (name, 0)));", ""),
        &["--test", "gate", "reach::what_is_revoked_keeps_its_place_while_it_lies_there"],
    ),
    guard(
        "approval",
        "what only lay at the base has not been adopted",
        ("src/gate/past.rs", "past.adopted.remove(&digest);", ""),
        &["--test", "gate", "reach::a_file_that_lay_there_without_an_approval_is_adopted_when_it_comes"],
    ),
    guard(
        "approval",
        "what was live before the trust became another was adopted",
        ("src/gate/past.rs", "live.extend(catalog.live_digests());", ""),
        &["--test", "gate", "past::where_more_approvals_are_needed_the_first_ones_stay_in_time"],
    ),
    guard(
        "provenance",
        "who loses its id to a change is told by the gate",
        ("src/gate/checks/text.rs", "Level::Note if !was_live(case, &problem.file) =>", "Level::Note =>"),
        &[
            "--test",
            "gate",
            "past::a_file_that_takes_the_id_of_another_one_that_was_live_is_told_at_that_one",
        ],
    ),
    guard(
        "provenance",
        "attributes that check out other bytes are told, also by themselves",
        ("src/gate/change.rs", "if touched.is_empty() && !attributes_touched {", "if touched.is_empty() {"),
        &["--test", "gate", "adversarial::attributes_that_check_out_other_bytes"],
    ),
    guard(
        "provenance",
        "replaced objects do not stand in for the base",
        ("src/gate/git.rs", "            \"--no-replace-objects\",\n", ""),
        &["--test", "gate", "revisions::replaced_objects_and_settings_of_the_repository_change_nothing"],
    ),
    guard(
        "provenance",
        "what cannot be judged is blocked",
        ("src/gate/mod.rs", "_ => ExitCode::from(69),", "_ => ExitCode::SUCCESS,"),
        &["--test", "gate", "revisions::before_the_first_commit"],
    ),
    guard(
        "approval",
        "nothing goes live that nobody has seen at work, where the policy asks for it",
        (
            "src/runbook/verified/mod.rs",
            "let unseen = self.unseen(&case, author.as_deref());",
            "let unseen = self.unseen(&case, author.as_deref()).filter(|wrong| wrong.problem.is_empty());",
        ),
        &[
            "--test",
            "gate",
            "honest::a_runbook_with_the_evidence_that_the_policy_asks_for_passes_and_without_is_blocked",
        ],
    ),
    guard(
        "expiry",
        "a rehearsal grows old",
        (
            "src/runbook/evidence.rs",
            "if now_us - self.at_us > REHEARSAL_US_MAX => {",
            "if now_us == self.at_us => {",
        ),
        &["--lib", "runbook::evidence::tests::a_rehearsal_counts_for_its_bytes_its_version_and_thirty_days"],
    ),
    guard(
        "provenance",
        "standard tags are refused, which others read differently",
        ("src/runbook/yaml.rs", "match otherwise_read(source.text) {", "match otherwise_read(\"\") {"),
        &["--lib", "runbook::yaml::tests::anchors_aliases_merges_tags_and_bombs_are_refused"],
    ),
    guard(
        "no repetition",
        "trust that was replaced does not come back by its old signature",
        (
            "src/runbook/trust.rs",
            "if self.former.contains(&FileDigest::of(new)) {",
            "if self.former.contains(&FileDigest::of(b\"\")) && new.is_empty() {",
        ),
        &[
            "--lib",
            "runbook::tests::trust::trust_that_was_replaced_is_spent_and_a_revocation_waits_for_no_other_file",
        ],
    ),
    guard(
        "no repetition",
        "the journal remembers which trust was replaced",
        (
            "src/context/world.rs",
            "self.former.extend(replaced.map(|(_, digest)| *digest));",
            "drop(replaced);",
        ),
        &[
            "--test",
            "cli",
            "proposals::replaced_trust_is_spent_for_a_running_daemon_and_an_unsigned_edit_delays_no_revocation",
        ],
    ),
    guard(
        "provenance",
        "a configuration lands with a trust signature only",
        (
            "src/gate/checks/config.rs",
            "Some(Ok(signed)) if signed.untimely.is_none() => return,",
            "_ => return,\n        #[allow(unreachable_patterns)]\n        Some(Ok(signed)) if signed.untimely.is_none() => return,",
        ),
        &["--test", "gate", "adversarial::a_configuration_that_would_run_programs"],
    ),
    guard(
        "provenance",
        "a trouble that our own look saw gone is reported anew when it comes back",
        (
            "src/policy/effects.rs",
            "(closed.closure == Closure::RecoveredUnaided).then(|| forget_edge(incident));",
            "(closed.closure == Closure::RecoveredUnaided && closed.evidence == \"never\").then(|| forget_edge(incident));",
        ),
        &[
            "--lib",
            "policy::tests::lives::a_precondition_that_no_longer_holds_stops_before_anything_is_changed",
        ],
    ),
    guard(
        "one history",
        "the log signs only what continues what it signed before",
        (
            "src/tlog/keeper.rs",
            "let same = last.size <= self.size && root(files, last.size)? == last.root;",
            "let same = last.size <= u64::MAX;",
        ),
        &[
            "--test",
            "cli",
            "transparency::a_journal_that_was_put_back_silences_its_log_and_a_lost_cache_costs_nothing",
        ],
    ),
    guard(
        "one history",
        "a witness compares with what it cosigned last",
        (
            "src/tlog/witness_request.rs",
            "if self.old != last.size {",
            "if self.old > last.size && last.size > self.old {",
        ),
        &["--lib", "tlog::witness_request::tests::a_witness_goes_forward_only_and_along_one_tree"],
    ),
    guard(
        "one history",
        "a witness keeps what it cosigns before it answers",
        ("src/tlog/witness.rs", "self.keep(&path, &request, new)?;", "let _ = Self::keep;"),
        &[
            "--lib",
            "tlog::witness::tests::what_was_cosigned_is_remembered_over_a_restart_and_there_is_no_way_back",
        ],
    ),
    guard(
        "one history",
        "of requests at once one is compared and kept at a time",
        (
            "src/tlog/witness.rs",
            "let _one_at_a_time = self.inner.one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner);",
            "drop(self.inner.one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner));",
        ),
        &["--lib", "tlog::witness::tests::of_many_at_once_each_size_is_left_once"],
    ),
    guard(
        "one history",
        "a journal that is shorter or other than the head that was seen is told",
        (
            "src/cli/audit/verify/head.rs",
            "judged.findings.extend(judge::against_last_seen(seen, known, Now::Journal(&journal)));",
            "let _ = (seen, known, Now::Journal(&journal), judge::against_last_seen);",
        ),
        &["--test", "cli", "transparency::what_is_wrong_with_a_head_is_told_apart_by_its_exit_code"],
    ),
    guard(
        "signature",
        "a wrong line of a known key is not mended by a right one",
        (
            "src/tlog/note.rs",
            "let Some(time) = self.holds(&note.text, &signature.bytes) else { return Verdict::Wrong };",
            "let Some(time) = self.holds(&note.text, &signature.bytes) else { continue };",
        ),
        &["--lib", "tlog::note::tests::a_good_line_does_not_hide_a_wrong_one_and_the_newest_time_counts"],
    ),
    guard(
        "one history",
        "an entry of an older version of its kind is read",
        (
            "src/event/registry.rs",
            r#""control.resumed" 2 control::Resumed from 1 ResumedV1,"#,
            r#""control.resumed" 2 control::Resumed,"#,
        ),
        &[
            "--lib",
            "event::upcast::tests::an_older_payload_becomes_what_is_written_now_and_nothing_of_it_is_lost",
        ],
    ),
    guard(
        "one history",
        "a journal of another format is refused",
        (
            "src/journal/recovery.rs",
            "match line.as_deref().and_then(other_format) {",
            "match line.as_deref().and_then(other_format).filter(|_| false) {",
        ),
        &[
            "--test",
            "journal",
            "formats::a_journal_of_another_format_is_refused_by_everybody_and_left_as_it_is",
        ],
    ),
    guard(
        "one history",
        "an export of another version is not taken for a folder without a manifest",
        (
            "src/journal/offline.rs",
            "Manifest::check_version(&segments)?;",
            "let _ = Manifest::check_version;",
        ),
        &["--test", "journal", "formats::what_stands_beside_the_lines_is_believed_only_in_its_own_version"],
    ),
    guard(
        "one history",
        "a changed hash of the tree is found",
        ("src/replay/fsck/tree.rs", "if stored != hash {", "if stored != hash && stored == hash {"),
        &["--lib", "replay::fsck::tree::tests::roots_and_tiles_are_those_of_the_definition"],
    ),
    guard(
        "signature",
        "a witness is believed only with its own good signature",
        (
            "src/tlog/submit.rs",
            r#"Verdict::Wrong => Err("its cosignature does not hold".into()),"#,
            "Verdict::Wrong => Ok(signed.signatures),",
        ),
        &[
            "--lib",
            "tlog::submit::tests::a_witness_is_asked_from_what_it_knows_and_believed_only_with_its_own_good_signature",
        ],
    ),
    guard(
        "expiry",
        "a decider is not asked again when the time to answer is over",
        (
            "src/policy/trust.rs",
            "if asked.decider.is_some() && asked.until_elapsed_ms > desk.now() {",
            "if asked.decider.is_some() {",
        ),
        &["--lib", "policy::tests::trust::a_decider_is_not_asked_again_when_the_time_to_answer_is_over"],
    ),
    guard(
        "erasure",
        "all keys of a name are destroyed, also one that came back with an old copy",
        (
            "src/subject/files.rs",
            "for listed in self.list()?.into_iter().filter(|listed| listed.subject == name) {",
            "for listed in self.list()?.into_iter().filter(|listed| listed.subject == name).take(1) {",
        ),
        &[
            "--lib",
            "subject::tests::every_key_of_a_name_is_destroyed_and_a_key_under_another_ones_name_is_none",
        ],
    ),
    guard(
        "signature",
        "a quicker signer that signs otherwise is not used",
        (
            "src/base/sign_assembly.rs",
            "sign(message) == key.sign(message).to_bytes()",
            "sign(message)[..32] == key.sign(message).to_bytes()[..32]",
        ),
        &["--lib", "base::sign_assembly::tests::one_that_signs_otherwise_is_not_used"],
    ),
    guard(
        "limit",
        "what the daemon does without is not taken from what it starts",
        ("src/action/sandbox.rs", "huge_pages: huge_pages::were_refused(),", "huge_pages: false,"),
        &["--lib", "action::huge_pages::tests::what_is_started_has_what_it_would_have_without_us"],
    ),
    guard(
        "provenance",
        "values from outside do not climb together with what stands beside them",
        ("src/runbook/placeholder.rs", "climbs(&out) > climbs(&own)", "climbs(&out) > climbs(&own) + 9"),
        &["--lib", "runbook::placeholder::tests::values_do_not_climb_together_with_what_stands_beside_them"],
    ),
    guard(
        "erasure",
        "nothing is sealed with a key whose erasure was begun",
        (
            "src/subject/files.rs",
            "self.path(id, KEY).exists() && !self.path(id, ERASING).exists()",
            "self.path(id, KEY).exists()",
        ),
        &[
            "--lib",
            "subject::tests::a_key_whose_erasure_was_begun_is_nobodys_any_more_and_its_subject_gets_another",
        ],
    ),
    guard(
        "erasure",
        "a key lies in the file of its id: destroying goes by that",
        ("src/subject/files.rs", "match id_of(path) == Some(file.id) {", "match true {"),
        &[
            "--lib",
            "subject::tests::every_key_of_a_name_is_destroyed_and_a_key_under_another_ones_name_is_none",
        ],
    ),
    guard(
        "erasure",
        "no entry says of a key that is there that it is gone",
        (
            "src/remediator/erasure.rs",
            "begun.retain(|erasing| match subjects.destroy(erasing.id) {",
            "begun.retain(|erasing| match Ok::<_, SubjectError>(erasing.id).inspect(|_| drop(subjects.ids())) {",
        ),
        &[
            "--test",
            "cli",
            "erasure::no_key_of_a_subject_outlives_it_and_no_entry_says_so_of_one_that_is_there",
        ],
    ),
    guard(
        "erasure",
        "an erasure is finished also where nobody can read on whose word it was begun",
        (
            "src/remediator/erasure.rs",
            "told(subjects.doomed()).into_iter().for_each(|id| destroy(subjects, id, word));",
            "let _ = (word, Subjects::doomed);",
        ),
        &[
            "--test",
            "cli",
            "erasure::no_key_of_a_subject_outlives_it_and_no_entry_says_so_of_one_that_is_there",
        ],
    ),
    guard(
        "erasure",
        "whoever follows hears of an erasure",
        ("src/cli/reader.rs", "self.erased.take();", "drop(self.erased.borrow());"),
        &[
            "--test",
            "cli",
            "erasure::what_steps_and_watches_shows_words_while_the_key_is_there_and_says_when_it_is_not",
        ],
    ),
    guard(
        "erasure",
        "a report that does not say of whom it is about is not kept in plain",
        (
            "src/ingest/mapping.rs",
            "if let Some(place) = unclear {",
            "if let Some(place) = unclear.filter(|_| false) {",
        ),
        &[
            "--lib",
            "ingest::mapping::tests::what_is_about_somebody_says_so_and_is_not_kept_when_it_cannot_be_read",
        ],
    ),
    guard(
        "one history",
        "a start that cannot fold leaves the journal as it is",
        ("src/journal/open.rs", "if options.folds()", "if !options.folds()"),
        &[
            "--test",
            "cli",
            "retention::a_pruned_home_that_another_version_wrote_is_refused_with_what_mends_it_and_folded_anew_from_its_archive",
        ],
    ),
    guard(
        "erasure",
        "a step that runs when a report about somebody comes to its incident is about them, too",
        (
            "src/remediator/dispatch.rs",
            "self.attempts.joined(incident, subject);",
            "let _ = AttemptIndex::joined;",
        ),
        &["--test", "cli", "erasure::what_was_begun_before_an_incident_was_about_somebody_is_sealed_as_well"],
    ),
    guard(
        "erasure",
        "a look that is under way then is about them, too",
        ("src/remediator/dispatch.rs", "self.looks.joined(incident, subject);", "let _ = Looks::joined;"),
        &["--test", "cli", "erasure::what_was_begun_before_an_incident_was_about_somebody_is_sealed_as_well"],
    ),
    guard(
        "erasure",
        "what a report says about a subject is sealed before it is kept",
        (
            "src/remediator/about.rs",
            "let summary = seal(&report.summary, SUMMARY_BYTES_MAX)?;",
            "let summary = line(&report.summary, SUMMARY_BYTES_MAX);",
        ),
        &[
            "--lib",
            "remediator::intake::tests::what_is_said_about_a_subject_is_sealed_before_it_is_an_entry_or_a_blob_and_redacted_before_that",
        ],
    ),
    guard(
        "erasure",
        "what a step prints for an incident about a subject is sealed",
        (
            "src/remediator/observers.rs",
            "finished.output = subjects.seal_or_drop(about, &finished.output);",
            "let _ = subjects;",
        ),
        &[
            "--test",
            "cli",
            "erasure::what_is_said_about_a_subject_is_nowhere_in_plain_and_forgotten_with_its_key",
        ],
    ),
    guard(
        "erasure",
        "what a look sees for an incident about a subject is sealed",
        (
            "src/remediator/looks.rs",
            "self.subjects.seal_or_drop(about, clip(&evidence, EVIDENCE_BYTES_MAX));",
            "self.subjects.seal_or_drop(&About::default(), clip(&evidence, about.len().max(EVIDENCE_BYTES_MAX)));",
        ),
        &[
            "--test",
            "cli",
            "erasure::what_is_said_about_a_subject_is_nowhere_in_plain_and_forgotten_with_its_key",
        ],
    ),
    guard(
        "erasure",
        "erasing destroys the key",
        (
            "src/subject/mod.rs",
            "erasing.iter().try_for_each(|one| self.destroy(one.id).map(drop))?;",
            "let _ = Self::destroy;",
        ),
        &["--lib", "subject::tests::an_erased_subject_is_gone_in_memory_and_on_disk_and_gets_another_key"],
    ),
    guard(
        "erasure",
        "a destroyed key is not remembered",
        ("src/subject/mod.rs", "if self.inner.folder.has(key.id) {", "if !key.id.to_string().is_empty() {"),
        &["--lib", "subject::tests::a_key_that_was_read_before_it_was_destroyed_is_not_remembered_after"],
    ),
    guard(
        "erasure",
        "a key that was destroyed and comes back is destroyed again",
        (
            "src/remediator/erasure.rs",
            "told(back).into_iter().for_each(|id| destroy(subjects, id, word));",
            "let _ = (told(back), word);",
        ),
        &[
            "--test",
            "cli",
            "erasure::an_erasure_that_was_interrupted_is_finished_and_a_key_that_comes_back_is_destroyed",
        ],
    ),
    guard(
        "erasure",
        "an erasure that a crash interrupted is finished",
        (
            "src/remediator/erasure.rs",
            "finished(subjects, told(subjects.erasing()))",
            "finished(subjects, Vec::new())",
        ),
        &[
            "--test",
            "cli",
            "erasure::an_erasure_that_was_interrupted_is_finished_and_a_key_that_comes_back_is_destroyed",
        ],
    ),
    guard(
        "erasure",
        "what may have to be forgotten does not leave the machine",
        ("src/notify/mod.rs", "let message = &message.masked();", "let _ = message.masked();"),
        &["--lib", "notify::tests::what_may_have_to_be_forgotten_does_not_leave_the_machine"],
    ),
    guard(
        "erasure",
        "sealed text fulfils no expression",
        (
            "src/runbook/expr.rs",
            "members.retain(|_, value| value.as_str().is_none_or(|text| sealed::masked(text) == text));",
            "members.retain(|_, value| value.as_str().is_none_or(|text| !sealed::masked(text).is_empty()));",
        ),
        &["--lib", "runbook::expr::tests::sealed_text_fulfils_nothing_whatever_is_said_of_it"],
    ),
    guard(
        "provenance",
        "a path in a mend that is pasted",
        (
            "src/gate/checks/modes.rs",
            "let quoted = for_shell(&path);",
            "let quoted = (path.clone(), for_shell(&path)).0;",
        ),
        &["--test", "gate", "adversarial::a_mend_that_is_pasted_runs_nothing_that_a_path_says"],
    ),
    guard(
        "one history",
        "a row of lines in sled that is not what was put in",
        (
            "src/journal/line_rows.rs",
            "Some((hash, lines)) if blake3::hash(lines) == *hash => {",
            "Some((hash, lines)) if lines != hash => {",
        ),
        &["--lib", "a_row_that_is_gone_or_changed_is_noticed"],
    ),
    guard(
        "one history",
        "rows in sled that came in without their head",
        ("src/journal/line_rows.rs", "above.remove(row?.0);", "drop(row?.0);"),
        &["--lib", "rows_above_the_head_are_taken_out_and_come_in_again_as_others"],
    ),
    guard(
        "leftover hunt",
        "a step is taken back of which a crash hid a try and the next one did not begin",
        (
            "src/context/attempt.rs",
            "(done.outcome.began() || done.try_no > known + 1)",
            "(done.outcome.began() || done.try_no < known)",
        ),
        &[
            "--lib",
            "context::attempt::tests::a_step_of_which_a_crash_hid_a_try_has_begun_whatever_became_of_the_next",
        ],
    ),
    guard(
        "provenance",
        "the small program of another version is left alone",
        (
            "src/action/sandbox.rs",
            "said.trim_ascii() == SMALL_IS.as_bytes()",
            "said.trim_ascii().starts_with(b\"remediator-step\")",
        ),
        &["--lib", "action::sandbox::tests::the_small_program_of_another_version_or_of_others_is_left_alone"],
    ),
];
