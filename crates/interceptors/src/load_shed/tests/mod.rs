mod adaptive;
mod fixed;
mod gradient;
mod simulation;
