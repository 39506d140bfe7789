//! Reading a module: everything that can be known to be wrong with it before there are facts.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use pathops_core::policy::ConditionError;
use regorus::languages::rego::compiler::Compiler;
use regorus::rvm::{Instruction, Program};
use regorus::{Engine, Rc};

use super::calls::HOST_CALLS;
use super::operators::Operator;
use crate::nesting::within_bounds;

pub(super) const ALLOW: &str = "data.pathops.condition.allow";
pub(super) const DENY: &str = "data.pathops.condition.deny";

const PACKAGE: &str = "data.pathops.condition";
const FILE: &str = "condition.rego";
/// A module that was read: a program for the engine's virtual machine.
pub(super) struct Module {
    pub(super) program: Arc<Program>,
    /// What the program asks for, where.
    pub(super) questions: BTreeMap<usize, Question>,
    denies: bool,
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let instructions = self.program.instructions.len();
        f.debug_struct("Module").field("instructions", &instructions).field("denies", &self.denies).finish_non_exhaustive()
    }
}

impl Module {
    pub(super) fn read(text: &str) -> Result<Self, ConditionError> {
        within_bounds(text)?;
        let mut engine = Engine::new();
        let package = engine.add_policy(FILE.to_owned(), text.to_owned()).map_err(refused)?;
        if package != PACKAGE {
            return Err(ConditionError::new(format!("its package is `{package}`; expected is `package pathops.condition`")));
        }
        let declares = |rule| engine.has_declared_rule_rooted_at(FILE, rule).map_err(refused);
        if !declares("allow")? {
            return Err(ConditionError::new("it has no rule `allow`"));
        }
        let denies = declares("deny")?;
        let policy = engine.compile_with_entrypoint(&Rc::from(ALLOW)).map_err(refused)?;
        let entry_points: &[_] = if denies { &[ALLOW, DENY] } else { &[ALLOW] };
        let program = Compiler::compile_from_policy_with_host_await(&policy, entry_points, &HOST_CALLS).map_err(refused)?;
        if let Some(builtin) = program.builtin_info_table.first() {
            return Err(ConditionError::new(format!("it calls `{}`, which conditions cannot", builtin.name)));
        }
        let mut program = Arc::unwrap_or_clone(program);
        let questions = take_over(&mut program)?;
        program.has_host_await = true;
        Ok(Self { program: Arc::new(program), questions, denies })
    }

    /// Whether it has a rule `deny`.
    pub(super) fn denies(&self) -> bool {
        self.denies
    }
}

/// What a program asks for, in place of an instruction. The two operands come as the argument and the identifier.
#[derive(Clone, Copy, Debug)]
pub(super) enum Question {
    Calculate(Operator),
    Compare(fn(Ordering) -> bool),
    /// Whether the second is in the first.
    IsIn,
    /// What the first has under the second.
    Index,
    /// What the first has under a literal.
    IndexLiteral(u16),
    /// What the first has under a path.
    IndexPath(u16),
}

/// The machine takes for false what fails, is missing or is of another type, and `not` makes that true; and it makes numbers
/// of any size. So it is made to ask for whatever can fail.
fn take_over(program: &mut Program) -> Result<BTreeMap<usize, Question>, ConditionError> {
    let mut questions = BTreeMap::new();
    for (index, instruction) in program.instructions.iter_mut().enumerate() {
        let (question, dest, arg, id) = match *instruction {
            Instruction::Add { dest, left, right } => (Question::Calculate(Operator::Add), dest, left, right),
            Instruction::Sub { dest, left, right } => (Question::Calculate(Operator::Subtract), dest, left, right),
            Instruction::Mul { dest, left, right } => (Question::Calculate(Operator::Multiply), dest, left, right),
            Instruction::Div { dest, left, right } => (Question::Calculate(Operator::Divide), dest, left, right),
            Instruction::Mod { dest, left, right } => (Question::Calculate(Operator::Remainder), dest, left, right),
            Instruction::Lt { dest, left, right } => (Question::Compare(Ordering::is_lt), dest, left, right),
            Instruction::Le { dest, left, right } => (Question::Compare(Ordering::is_le), dest, left, right),
            Instruction::Gt { dest, left, right } => (Question::Compare(Ordering::is_gt), dest, left, right),
            Instruction::Ge { dest, left, right } => (Question::Compare(Ordering::is_ge), dest, left, right),
            Instruction::Contains { dest, collection, value } => (Question::IsIn, dest, collection, value),
            Instruction::Index { dest, container, key } => (Question::Index, dest, container, key),
            Instruction::IndexLiteral { dest, container, literal_idx } => {
                (Question::IndexLiteral(literal_idx), dest, container, container)
            }
            Instruction::ChainedIndex { params_index } => {
                let Some(path) = program.instruction_data.get_chained_index_params(params_index) else { continue };
                (Question::IndexPath(params_index), path.dest, path.root, path.root)
            }
            Instruction::VirtualDataDocumentLookup { .. } => {
                return Err(ConditionError::new("it looks up a rule or data by a name that is not known beforehand"));
            }
            _ => continue,
        };
        *instruction = Instruction::HostAwait { dest, arg, id };
        questions.insert(index, question);
    }
    Ok(questions)
}

pub(super) fn refused(error: impl fmt::Display) -> ConditionError {
    ConditionError::new(error.to_string().trim().chars().take(2_000).collect::<String>())
}
