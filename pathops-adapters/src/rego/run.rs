//! Running a module one instruction at a time, and watching it.
//!
//! Every instruction's work is in proportion to what the rule's registers hold, so those are weighed after each: a chain of
//! values that double, in a text of a few lines, would otherwise be compared for years by one instruction. And what Rego
//! takes for *not so* is an error here where it only means that something is missing or of another type: `not` would turn it
//! into *so*.

use pathops_core::policy::ConditionError;
use regorus::Value;
use regorus::rvm::instructions::LiteralOrRegister;
use regorus::rvm::vm::{ExecutionMode, ExecutionState, SuspendReason};
use regorus::rvm::{Instruction, RegoVM};

use super::calls;
use super::operators::{compare, index, is_in};
use super::read::{Module, Question, refused};
use super::weigh::Scales;

const MAX_INSTRUCTIONS: usize = 100_000;

/// What a rule comes to.
pub(super) fn value_of(module: &Module, rule: &str, input: &Value) -> Result<Value, ConditionError> {
    let mut vm = RegoVM::new();
    vm.set_execution_mode(ExecutionMode::Suspendable);
    vm.set_step_mode(true);
    vm.set_max_instructions(MAX_INSTRUCTIONS);
    vm.load_program(module.program.clone());
    vm.set_data(Value::new_object()).map_err(refused)?;
    vm.set_input(input.clone());
    let mut run = Run { module, vm, scales: Scales::new() };
    run.vm.execute_entry_point_by_name(rule).map_err(refused)?;
    while let Some(answer) = run.step()? {
        run.vm.resume(answer.into()).map_err(refused)?;
    }
    match run.vm.execution_state() {
        ExecutionState::Completed { result } => {
            run.scales.weigh(result)?;
            Ok(result.clone())
        }
        _ => Err(ConditionError::new("the engine did not come to an end")),
    }
}

struct Run<'m> {
    module: &'m Module,
    vm: RegoVM,
    scales: Scales,
}

/// How to go on.
enum Next {
    On,
    With(Value),
}

impl From<Next> for Option<Value> {
    fn from(next: Next) -> Self {
        match next {
            Next::On => None,
            Next::With(value) => Some(value),
        }
    }
}

impl Run<'_> {
    /// Looks at what the last instruction did; `None` at the end.
    fn step(&mut self) -> Result<Option<Next>, ConditionError> {
        let ExecutionState::Suspended { reason, pc, .. } = self.vm.execution_state() else { return Ok(None) };
        for register in self.vm.get_registers() {
            self.scales.weigh(register)?;
        }
        if let Some((last, others)) = self.vm.get_call_stack().split_last()
            && others.iter().any(|other| other.rule_index == last.rule_index)
        {
            return Err(self.at(*pc, "a rule calls itself"));
        }
        match reason {
            SuspendReason::Step => self.check(*pc, None).map(|()| Some(Next::On)),
            SuspendReason::HostAwait { dest, argument, identifier } => {
                let answer = self.answer(*pc, argument, identifier).map_err(|error| self.at(*pc, error))?;
                self.check(*pc, Some((*dest, &answer)))?;
                Ok(Some(Next::With(answer)))
            }
            other => Err(ConditionError::new(format!("the engine stopped: {other:?}"))),
        }
    }

    fn answer(&self, pc: usize, first: &Value, second: &Value) -> Result<Value, ConditionError> {
        let Some(question) = self.module.questions.get(&pc) else { return calls::call(second, first) };
        if *first == Value::Undefined || *second == Value::Undefined {
            return Ok(Value::Undefined);
        }
        let program = &self.module.program;
        match *question {
            Question::Calculate(operator) => operator.of(first, second),
            Question::Compare(is_so) => Ok(Value::Bool(is_so(compare(first, second)?))),
            Question::IsIn => is_in(first, second),
            Question::Index => index(first, second),
            Question::IndexLiteral(literal) => index(first, self.literal(literal)),
            Question::IndexPath(params) => {
                let params = program.instruction_data.get_chained_index_params(params);
                let path = params.map(|params| params.path_components.as_slice()).unwrap_or_default();
                path.iter().try_fold(first.clone(), |value, part| match *part {
                    LiteralOrRegister::Literal(literal) => index(&value, self.literal(literal)),
                    LiteralOrRegister::Register(register) => index(&value, self.register(register)),
                })
            }
        }
    }

    /// Whether what comes next goes through something that is no collection: the machine would take it for an empty one.
    /// `answer` is what a register is about to hold.
    fn check(&self, pc: usize, answer: Option<(u8, &Value)>) -> Result<(), ConditionError> {
        let program = &self.module.program;
        let collection = match program.instructions.get(pc + 1) {
            Some(Instruction::LoopStart { params_index }) => {
                program.instruction_data.get_loop_params(*params_index).map(|params| params.collection)
            }
            Some(Instruction::ComprehensionBegin { params_index }) => {
                program.instruction_data.get_comprehension_begin_params(*params_index).map(|params| params.collection_reg)
            }
            _ => None,
        };
        let held = |register| match answer {
            Some((dest, answer)) if dest == register => answer,
            _ => self.register(register),
        };
        match collection.map(held) {
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
                Err(self.at(pc + 1, "it goes through something that is no collection"))
            }
            _ => Ok(()),
        }
    }

    fn literal(&self, literal: u16) -> &Value {
        self.module.program.literals.get(usize::from(literal)).unwrap_or(&Value::Undefined)
    }

    fn register(&self, register: u8) -> &Value {
        self.vm.get_registers().get(usize::from(register)).unwrap_or(&Value::Undefined)
    }

    fn at(&self, pc: usize, why: impl std::fmt::Display) -> ConditionError {
        match self.module.program.instruction_spans.get(pc) {
            Some(Some(span)) => ConditionError::new(format!("line {}, column {}: {why}", span.line, span.column)),
            _ => ConditionError::new(why.to_string()),
        }
    }
}
