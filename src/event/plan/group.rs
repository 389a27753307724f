//! A step that is done for several targets, resolved: one step of the plan for each, and how they may run beside each
//! other. Not for when which of them begins (policy).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Plan;

/// Steps of a plan that belong together. `per_target` steps for each target stand one after another from `first`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupPlan {
    /// The step's id in the runbook.
    pub id: String,
    /// Index of the first of them in the plan.
    pub first: u32,
    /// Steps for each target: what is done, and the look that follows where there is one.
    pub per_target: u32,
    /// The targets, in their order. Never empty.
    pub targets: Vec<String>,
    /// So many targets go first, one after another, and each must succeed.
    pub canary: u32,
    /// Targets that are worked on at once after that.
    pub at_once: u32,
    /// Nothing further begins when more than this many percent of the targets have failed.
    pub stop_percent: u32,
}

impl GroupPlan {
    /// Index behind its last step.
    pub fn end(&self) -> u32 {
        self.first + self.per_target * self.len()
    }
    /// How many targets it has.
    pub fn len(&self) -> u32 {
        self.targets.len() as u32
    }
    /// Whether it has none, which no plan that was made here says.
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }
    /// Steps of one target.
    pub fn steps_of(&self, target: u32) -> std::ops::Range<u32> {
        let first = self.first + target * self.per_target;
        first..first + self.per_target
    }
    /// Whose step this is.
    pub fn target_of(&self, step: u32) -> Option<&str> {
        let target = step.checked_sub(self.first)? / self.per_target.max(1);
        self.targets.get(target as usize).map(String::as_str)
    }
}

impl Plan {
    /// The group that a step belongs to.
    pub fn group_of(&self, step: u32) -> Option<&GroupPlan> {
        self.groups.iter().find(|group| (group.first..group.end()).contains(&step))
    }
}
