//! Firmware: a timer's interrupt handler and the main loop use the same breakers, at phases that no
//! two interrupts share. Nothing hangs, and in the end every call is accounted for.
#![no_std]
#![no_main]

mod audit;
mod breakers;
mod player;

use core::cell::RefCell;

use board::{println, timer};
use critical_section::Mutex;

use audit::Audit;
use breakers::Breaker;
use player::{Player, Verb};

board::main!(run);

/// As often should the handler come in a round.
const INTERRUPTS: u32 = 20_000;

/// Main loops that get nowhere near that give up.
const TURNS: u32 = 4_000_000;

/// What the handler works with: a breaker, and where the main loop was found.
struct Handler {
    breaker: &'static Breaker,
    player: Player,
    interrupts: u32,
    found: [u32; Verb::COUNT],
}

static HANDLER: Mutex<RefCell<Option<Handler>>> = Mutex::new(RefCell::new(None));

fn run() -> bool {
    #[cfg(feature = "fallback")]
    breakers::use_the_fallback();
    breakers::ALL.iter().fold(true, |well, (name, breaker)| play(name, breaker) && well)
}

/// One round: the timer runs until the handler has come often enough.
fn play(name: &str, breaker: &'static Breaker) -> bool {
    let handler =
        Handler { breaker, player: Player::new(2), interrupts: 0, found: [0; Verb::COUNT] };
    critical_section::with(|token| HANDLER.borrow(token).replace(Some(handler)));
    let mut main = Player::new(1);
    timer::start(1_000, interrupt);
    let mut turns = 0;
    while interrupts() < INTERRUPTS && turns < TURNS {
        main.turn(breaker, &player::TO_MAIN, &player::TO_HANDLER);
        turns += 1;
    }
    timer::stop();
    let handler = critical_section::with(|token| HANDLER.borrow(token).take());
    let Some(Handler { player, interrupts, found, .. }) = handler else { return false };

    let mut audit = Audit::new(name);
    let inside = audit::sum(&found[1..]);
    audit.holds("the handler came", interrupts >= INTERRUPTS);
    audit.holds("it came while the main loop was in the breaker", inside > INTERRUPTS / 4);
    for (verb, times) in Verb::ALL.iter().zip(found).skip(1) {
        audit.holds(verb.name(), times > 0);
    }
    audit.law(breaker, &[main.books(), player.books()]);
    let main = main.let_go(breaker);
    let player = player.let_go(breaker);
    audit.law(breaker, &[main, player]);
    println!(
        "interrupts {}: {name}: {interrupts} interrupts, {inside} within the breaker's code; \
         {} calls admitted, {} refused, {} changes: {}",
        board::TARGET,
        main.admitted + player.admitted,
        main.refused + player.refused,
        breaker.observer().changes(),
        audit.verdict(),
    );
    audit.is_passed()
}

fn interrupts() -> u32 {
    critical_section::with(|token| {
        HANDLER.borrow_ref(token).as_ref().map_or(0, |handler| handler.interrupts)
    })
}

/// What the interrupt does, and after how many instructions it should come again.
fn interrupt() -> u32 {
    critical_section::with(|token| {
        let mut handler = HANDLER.borrow_ref_mut(token);
        let Some(handler) = handler.as_mut() else { return 1_000 };
        handler.interrupts += 1;
        handler.found[player::main_is_in() as usize] += 1;
        let Handler { breaker, player, .. } = handler;
        breakers::let_time_pass(breaker, player.draw());
        for _ in 0..=player.draw() % 2 {
            player.turn(breaker, &player::TO_HANDLER, &player::TO_MAIN);
        }
        20 + player.draw() % 700
    })
}
