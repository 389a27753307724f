//! A small C library, put before the daemon's own with LD_PRELOAD: lets fdatasync of journal files fail and moves the
//! wall clock, both on command through a folder. Built with the system's C compiler; without one, what needs it is
//! skipped and says so.

use std::path::{Path, PathBuf};
use std::process::Command;

const SOURCE: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int command(const char *name, char *text, size_t size) {
  const char *folder = getenv("FAULT_SHIM");
  char path[4096];
  if (!folder) return 0;
  snprintf(path, sizeof path, "%s/%s", folder, name);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  ssize_t n = read(fd, text, size - 1);
  close(fd);
  if (n <= 0) return 0;
  text[n] = 0;
  return 1;
}

int fdatasync(int fd) {
  static int (*real)(int);
  char text[32], link[64], path[4096] = "";
  if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  int saved = errno;
  int asked = command("fdatasync", text, sizeof text);
  errno = saved;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, sizeof path - 1);
  if (!asked || n <= 0 || !strstr(path, "/journal/")) return real(fd);
  if (!strncmp(text, "persisted", 9)) real(fd);
  errno = EIO;
  return -1;
}

int clock_gettime(clockid_t clock, struct timespec *t) {
  int result = (int)syscall(SYS_clock_gettime, clock, t);
  if (result == 0 && clock == CLOCK_REALTIME) {
    char text[32];
    int saved = errno;
    if (command("wall", text, sizeof text)) t->tv_sec += atol(text);
    errno = saved;
  }
  return result;
}
"#;

/// The built library and the folder that commands it.
pub struct Shim {
    library: PathBuf,
    folder: tempfile::TempDir,
}

impl Shim {
    /// Builds it, or says why not.
    pub fn build() -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
        let (source, library) = (folder.path().join("shim.c"), folder.path().join("shim.so"));
        std::fs::write(&source, SOURCE).map_err(|e| e.to_string())?;
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(&library)
            .arg(&source)
            .arg("-ldl")
            .output();
        match built {
            Ok(output) if output.status.success() => Ok(Self { library, folder }),
            Ok(output) => {
                Err(format!("cc cannot build the shim: {}", String::from_utf8_lossy(&output.stderr)))
            }
            Err(e) => Err(format!("there is no C compiler `cc` ({e})")),
        }
    }

    /// For the daemon's environment.
    pub fn environment(&self) -> [(&'static str, &str); 2] {
        [("LD_PRELOAD", text(&self.library)), ("FAULT_SHIM", text(self.folder.path()))]
    }

    /// Tells it something; none takes it back.
    pub fn tell(&self, name: &str, value: Option<&str>) -> Result<(), String> {
        let path = self.folder.path().join(name);
        let done = match value {
            Some(value) => {
                let part = path.with_extension("part");
                std::fs::write(&part, value).and_then(|()| std::fs::rename(part, path))
            }
            None => match std::fs::remove_file(path) {
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
                other => other,
            },
        };
        done.map_err(|e| e.to_string())
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap_or_default()
}
