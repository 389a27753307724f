//! git by its plumbing: which files a revision or the index holds, and their bytes. Nothing of the repository is written,
//! the working tree is read only when its files are named, and no setting of the repository replaces an object.
//! Not for what the files mean: that is `change` and the checks.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::base::limits::MESSAGE_BYTES_MAX;
use crate::base::text::shown;

/// git could not say what was asked.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// It cannot be started.
    #[error("cannot start git: {0}; is it installed and on PATH?")]
    Start(std::io::Error),
    /// Files that are not staged could not be put aside.
    #[error("cannot put files aside in git's folder to judge them: {0}")]
    Aside(std::io::Error),
    /// It said no.
    #[error("`git {what}` failed: {said}")]
    Failed {
        /// What was asked.
        what: String,
        /// Its own words.
        said: String,
    },
    /// It answered something else than its manual says.
    #[error("`git {0}` answered something that is not understood")]
    Answer(&'static str),
    /// A name does not mean a commit here.
    #[error(
        "`{0}` is no commit of this repository; in a shallow clone fetch it first: git fetch --unshallow, or \
         git fetch --depth=1 origin {0}"
    )]
    NoCommit(String),
    /// What was before cannot be told.
    #[error(
        "trust or configuration changes, and this clone lacks the history that tells whether an old version comes back: \
         git fetch --unshallow"
    )]
    Shallow,
    /// A merge that is not resolved.
    #[error("{0} is not merged yet: resolve it and `git add` it")]
    Unmerged(String),
}

/// Paths whose history is asked for by name.
const ASKED_BY_NAME_MAX: usize = 64;

/// Paths in one command line.
const ASKED_AT_ONCE: usize = 256;

/// One file of a tree or of the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Its mode, as git writes it.
    pub mode: String,
    /// Its object.
    pub object: String,
}

/// Path from the top of the repository → what is held there. A path that is not UTF-8 is kept with its bad bytes replaced:
/// no content file may be called so.
pub type Listing = BTreeMap<String, Held>;

/// Attributes of a file (gitattributes(5)) by name; one that nothing is said of is `unspecified`.
pub type Attributes = BTreeMap<String, String>;

/// Those that have to do with its bytes.
const ATTRIBUTES: [&str; 5] = ["text", "eol", "ident", "filter", "working-tree-encoding"];

/// What would let git answer otherwise.
const ENVIRONMENT_UNSET: [&str; 5] =
    ["GIT_TRACE", "GIT_GRAFT_FILE", "GIT_REPLACE_REF_BASE", "GIT_LITERAL_PATHSPECS", "GIT_ATTR_SOURCE"];

/// The repository around the current folder.
#[derive(Debug)]
pub struct Git {
    /// An index and objects of our own, where files are judged that are not staged.
    aside: Option<Aside>,
}

/// A folder beside git's own that goes when it is not needed any more.
#[derive(Debug)]
struct Aside {
    folder: PathBuf,
    env: Vec<(&'static str, OsString)>,
}

impl Drop for Aside {
    fn drop(&mut self) {
        // What stays behind is named after a process that has ended: the next one of that name begins by removing it.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Git {
    /// Finds it.
    pub fn here() -> Result<Self, GitError> {
        let git = Self { aside: None };
        git.text(&["rev-parse", "--git-dir"])?;
        Ok(git)
    }

    /// The same repository with these files staged as they lie here, in an index of our own.
    pub fn with_files(self, paths: &[PathBuf]) -> Result<Self, GitError> {
        let folder = absolute(self.path_of(&format!("runbook-gate.{}", std::process::id()))?)?;
        let (index, objects) = (folder.join("index"), folder.join("objects"));
        let own = self.path_of("index")?;
        let env = vec![
            ("GIT_INDEX_FILE", index.clone().into_os_string()),
            ("GIT_OBJECT_DIRECTORY", objects.clone().into_os_string()),
            ("GIT_ALTERNATE_OBJECT_DIRECTORIES", absolute(self.path_of("objects")?)?.into_os_string()),
        ];
        let _ = fs::remove_dir_all(&folder);
        // From here on the folder goes with this value, whatever fails.
        let git = Self { aside: Some(Aside { folder, env }) };
        fs::create_dir_all(&objects).map_err(GitError::Aside)?;
        if own.exists() {
            fs::copy(&own, &index).map_err(GitError::Aside)?;
        }
        let mut add: Vec<&OsStr> =
            ["-c", "core.hooksPath=/dev/null", "add", "--all", "--"].map(OsStr::new).into();
        add.extend(paths.iter().map(|path| path.as_os_str()));
        git.output(&add)?;
        Ok(git)
    }

    /// The commit that `name` means.
    pub fn commit(&self, name: &str) -> Result<String, GitError> {
        let wanted = format!("{name}^{{commit}}");
        self.text(&["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted])
            .map_err(|_| GitError::NoCommit(name.to_owned()))
    }

    /// The commit that HEAD means; none before the first one.
    pub fn head(&self) -> Result<Option<String>, GitError> {
        match self.commit("HEAD") {
            Ok(commit) => Ok(Some(commit)),
            // HEAD that names a branch without a commit is a repository without history; else it is damaged.
            Err(_) => match self.text(&["symbolic-ref", "--quiet", "HEAD"]) {
                Ok(branch) if self.text(&["show-ref", "--verify", &branch]).is_err() => Ok(None),
                _ => Err(GitError::NoCommit("HEAD".to_owned())),
            },
        }
    }

    /// Whether history is cut off here.
    pub fn is_shallow(&self) -> Result<bool, GitError> {
        Ok(self.text(&["rev-parse", "--is-shallow-repository"])? == "true")
    }

    /// Where one of git's own files or folders lies, such as `hooks`.
    pub fn path_of(&self, name: &str) -> Result<PathBuf, GitError> {
        self.text(&["rev-parse", "--git-path", name]).map(PathBuf::from)
    }

    /// The newest commit that both have behind them.
    pub fn merge_base(&self, a: &str, b: &str) -> Result<String, GitError> {
        self.text(&["merge-base", a, b]).map_err(|_| GitError::Failed {
            what: format!("merge-base {a} {b}"),
            said: "they have no commit in common here; in a shallow clone: git fetch --unshallow".to_owned(),
        })
    }

    /// Every file of a commit.
    pub fn tree(&self, commit: &str) -> Result<Listing, GitError> {
        let out = self.output(&["ls-tree", "-r", "-z", "--full-tree", commit])?;
        let mut all = Listing::new();
        for record in records(&out) {
            let (head, path) = split(record, "ls-tree")?;
            let mut words = head.split(' ');
            let (Some(mode), Some(_), Some(object)) = (words.next(), words.next(), words.next()) else {
                return Err(GitError::Answer("ls-tree"));
            };
            all.insert(path, Held { mode: mode.to_owned(), object: object.to_owned() });
        }
        Ok(all)
    }

    /// Every file of the index: what the next commit will hold.
    pub fn index(&self) -> Result<Listing, GitError> {
        let out = self.output(&["ls-files", "--stage", "-z", "--full-name", "--", ":/"])?;
        let mut all = Listing::new();
        for record in records(&out) {
            let (head, path) = split(record, "ls-files")?;
            let mut words = head.split(' ');
            let (Some(mode), Some(object), Some(stage)) = (words.next(), words.next(), words.next()) else {
                return Err(GitError::Answer("ls-files"));
            };
            if stage != "0" {
                return Err(GitError::Unmerged(path));
            }
            all.insert(path, Held { mode: mode.to_owned(), object: object.to_owned() });
        }
        Ok(all)
    }

    /// The bytes of objects; of one that is larger than `bytes_max` its size instead.
    pub fn blobs(
        &self,
        objects: &BTreeSet<&str>,
        bytes_max: usize,
    ) -> Result<BTreeMap<String, Result<Vec<u8>, usize>>, GitError> {
        let mut all = BTreeMap::new();
        if objects.is_empty() {
            return Ok(all);
        }
        let mut child = self
            .command(&["cat-file", "--batch", "--buffer"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(GitError::Start)?;
        let broken = |_| GitError::Answer("cat-file");
        let stdin = child.stdin.take();
        let asked: String = objects.iter().map(|object| format!("{object}\n")).collect();
        // Asked from a thread of its own: with both pipes full each would wait for the other.
        let asker = std::thread::spawn(move || stdin.map(|mut stdin| stdin.write_all(asked.as_bytes())));
        let mut answers = BufReader::new(child.stdout.take().ok_or(GitError::Answer("cat-file"))?);
        for object in objects {
            let mut head = String::new();
            answers.read_line(&mut head).map_err(broken)?;
            let size = match head.trim_end().split(' ').collect::<Vec<_>>()[..] {
                [_, "blob", size] => size.parse::<usize>().map_err(|_| GitError::Answer("cat-file"))?,
                _ => {
                    let said = format!("the object {object} is missing, or no file; git fsck says more");
                    return Err(GitError::Failed { what: "cat-file".into(), said });
                }
            };
            let mut body = answers.by_ref().take(size as u64 + 1);
            let read = if size > bytes_max {
                std::io::copy(&mut body, &mut std::io::sink()).map_err(broken)?;
                Err(size)
            } else {
                let mut bytes = Vec::with_capacity(size + 1);
                body.read_to_end(&mut bytes).map_err(broken)?;
                bytes.truncate(size);
                Ok(bytes)
            };
            all.insert((*object).to_owned(), read);
        }
        drop(asker.join());
        child.wait().map_err(GitError::Start)?;
        Ok(all)
    }

    /// Every object that these paths have been in the history of `commit`: path → objects.
    pub fn ever(
        &self,
        commit: &str,
        paths: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, BTreeSet<String>>, GitError> {
        let mut asked: Vec<String> =
            ["log", "--format=", "--raw", "--no-abbrev", "--no-renames", "-m", "-z", commit, "--"]
                .map(str::to_owned)
                .into();
        // More than a command line should hold are looked for in all that ever was.
        match paths.len() {
            0 => return Ok(BTreeMap::new()),
            1..=ASKED_BY_NAME_MAX => asked.extend(paths.iter().map(|path| format!(":(top,literal){path}"))),
            _ => {}
        }
        let out = self.output(&asked)?;
        let text = String::from_utf8_lossy(&out);
        let mut ever: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut words = text.split('\0');
        while let Some(word) = words.next() {
            let Some(head) = word.trim_start().strip_prefix(':') else { continue };
            let (Some(object), Some(path)) = (head.split(' ').nth(3), words.next()) else {
                return Err(GitError::Answer("log"));
            };
            if paths.contains(path) {
                ever.entry(path.to_owned()).or_default().insert(object.to_owned());
            }
        }
        Ok(ever)
    }

    /// What stood before each of the newest changes of a folder, at most so many of them, newest first.
    pub fn before_changes_of(
        &self,
        folder: &str,
        commit: &str,
        most: usize,
    ) -> Result<Vec<String>, GitError> {
        let (most, path) = (format!("--max-count={most}"), format!(":(top,literal){folder}"));
        let out = self.text(&["rev-list", "--first-parent", &most, commit, "--", &path])?;
        Ok(out.lines().filter_map(|change| self.commit(&format!("{change}^1")).ok()).collect())
    }

    /// What the `.gitattributes` of a commit say of files, or those of the index.
    pub fn attributes(
        &self,
        paths: &[String],
        commit: Option<&str>,
    ) -> Result<BTreeMap<String, Attributes>, GitError> {
        let Some(commit) = commit else { return self.attributes_staged(paths) };
        // Not every git can be asked about a commit; every one about an index.
        let index = absolute(self.path_of(&format!("runbook-gate.{}", std::process::id()))?)?;
        let aside =
            Aside { env: vec![("GIT_INDEX_FILE", index.join("index").into_os_string())], folder: index };
        // What a killed one of that name left may hold a lock.
        let _ = fs::remove_dir_all(&aside.folder);
        fs::create_dir_all(&aside.folder).map_err(GitError::Aside)?;
        let other = Self { aside: Some(aside) };
        other.output(&["read-tree", commit])?;
        other.attributes_staged(paths)
    }

    fn attributes_staged(&self, paths: &[String]) -> Result<BTreeMap<String, Attributes>, GitError> {
        // Paths are from where git is asked; where there is no working tree, that is the top.
        let top = self.text(&["rev-parse", "--show-toplevel"]).unwrap_or_else(|_| ".".to_owned());
        let mut all: BTreeMap<String, Attributes> = BTreeMap::new();
        for some in paths.chunks(ASKED_AT_ONCE) {
            let own = ["-c", "core.attributesFile=/dev/null", "-C", &top];
            let mut asked: Vec<&str> = [&own[..], &["check-attr", "-z", "--cached"]].concat();
            asked.extend(ATTRIBUTES);
            asked.push("--");
            asked.extend(some.iter().map(String::as_str));
            let out = self.output(&asked)?;
            let words: Vec<String> =
                out.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect();
            for said in words.chunks_exact(3) {
                all.entry(said[0].clone()).or_default().insert(said[1].clone(), said[2].clone());
            }
        }
        Ok(all)
    }

    /// Files of the working tree that are not as they are staged, from the top of the repository.
    pub fn unstaged(&self) -> Result<Vec<String>, GitError> {
        let out =
            self.output(&["status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames"])?;
        let text = String::from_utf8_lossy(&out);
        let unstaged = |record: &str| {
            let (state, path) = record.split_at_checked(3)?;
            (state.as_bytes()[1] != b' ').then(|| path.to_owned())
        };
        Ok(text.split('\0').filter_map(unstaged).collect())
    }

    /// git with everything switched off that would let the repository answer something else than what it holds.
    fn command<S: AsRef<OsStr>>(&self, args: &[S]) -> Command {
        let mut command = Command::new("git");
        command.args([
            "--no-pager",
            "--no-replace-objects",
            "-c",
            "core.fsmonitor=false",
            "-c",
            "core.quotePath=false",
        ]);
        command.args(args).env("LC_ALL", "C").env("GIT_OPTIONAL_LOCKS", "0").env("GIT_NO_LAZY_FETCH", "1");
        for name in ENVIRONMENT_UNSET {
            command.env_remove(name);
        }
        command.envs(self.aside.iter().flat_map(|aside| aside.env.iter().map(|(name, value)| (name, value))));
        command
    }

    fn output<S: AsRef<OsStr>>(&self, args: &[S]) -> Result<Vec<u8>, GitError> {
        let out = self.command(args).stdin(Stdio::null()).output().map_err(GitError::Start)?;
        if out.status.success() {
            return Ok(out.stdout);
        }
        let said = String::from_utf8_lossy(&out.stderr);
        let what =
            args.iter().take(2).map(|arg| arg.as_ref().to_string_lossy()).collect::<Vec<_>>().join(" ");
        Err(GitError::Failed { what, said: shown(said.trim(), MESSAGE_BYTES_MAX) })
    }

    fn text(&self, args: &[&str]) -> Result<String, GitError> {
        let out = self.output(args)?;
        let text = String::from_utf8(out).map_err(|_| GitError::Answer("rev-parse"))?;
        Ok(text.trim_end_matches('\n').to_owned())
    }
}

fn absolute(path: PathBuf) -> Result<PathBuf, GitError> {
    std::path::absolute(path).map_err(GitError::Aside)
}

fn records(out: &[u8]) -> impl Iterator<Item = &[u8]> {
    out.split(|byte| *byte == 0).filter(|record| !record.is_empty())
}

/// What stands before the tab, and the path behind it.
fn split(record: &[u8], what: &'static str) -> Result<(String, String), GitError> {
    let tab = record.iter().position(|byte| *byte == b'\t').ok_or(GitError::Answer(what))?;
    let path = String::from_utf8_lossy(&record[tab + 1..]).into_owned();
    Ok((String::from_utf8_lossy(&record[..tab]).into_owned(), path))
}
