//! A user's own tests with the test kit.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use ms_bus::{BusConfig, Delivery, EventBus};
use ms_supervisor::{ChildSpec, SupervisorSpec};
use ms_testkit::network::Proxy;
use ms_testkit::{TestSystem, clock, ends, faults};
use my_service::{Produce, Received, TestEvent, TestEventConsumer, TestEventProducer};

const DAY: Duration = Duration::from_secs(86_400);

#[test]
fn a_producer_that_crashes_under_its_supervisor_goes_on_and_the_consumer_has_it_all() {
    TestSystem::run(async |t| {
        let bus = EventBus::new(BusConfig::default());
        let out = bus.client();
        let producer = move || TestEventProducer(out.producer("producer"));
        let tree = SupervisorSpec::one_for_one("root")
            .child(bus.child("bus"))
            .child(ChildSpec::actor("producer", producer));
        let root = t.start(tree).await;
        let consumer = t.actor("consumer", TestEventConsumer::default()).await.unwrap();
        let port = consumer.port::<Delivery<TestEvent>>();
        let _attached = bus.client().subscribe(port).await.unwrap();
        let producer = root.get::<TestEventProducer>("producer").await.unwrap();

        producer.try_tell(Produce(100)).unwrap();
        t.settle().await;
        let back = ends::expect_restart(&producer.any(), t.soon());
        faults::crash(&producer.any());
        assert_eq!(back.await.restarts, 1);
        producer.try_tell(Produce(3)).unwrap();

        let all = async || consumer.ask(Received).await.unwrap().0 == 103;
        assert!(clock::until(t.soon(), all).await);
        let (count, events) = consumer.ask(Received).await.unwrap();
        assert_eq!(count, events.len());
        assert!(events.iter().map(|event| event.id).eq((0..100).chain(0..3)), "in order");
        assert_eq!(events[7], TestEvent { id: 7, payload: "event 7".to_owned() });
    });
}

#[test]
fn a_day_of_virtual_time_costs_no_day() {
    let began = Instant::now();
    TestSystem::run(async |t| {
        let before = t.node().now();
        t.advance(DAY).await;
        assert!(t.node().now().as_millis() - before.as_millis() >= 86_400_000);
    });
    assert!(began.elapsed() < DAY);
}

#[test]
fn the_network_to_a_service_is_cut_and_restored() {
    let service = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Proxy::to(service.local_addr().unwrap()).unwrap();
    std::thread::spawn(move || {
        for mut stream in service.incoming().map_while(Result::ok) {
            let mut byte = [0];
            while stream.read_exact(&mut byte).is_ok() && stream.write_all(&byte).is_ok() {}
        }
    });
    let echoes = || {
        let mut stream = TcpStream::connect(proxy.addr()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut back = [0];
        stream.write_all(&[7]).is_ok() && stream.read_exact(&mut back).is_ok() && back == [7]
    };
    assert!(echoes());
    proxy.inject_network_partition();
    assert!(!echoes());
    proxy.restore_network();
    assert!(echoes());
}

/// Not every test of a user is right: this one is told so, with its own line.
#[test]
#[ignore = "wrong on purpose"]
fn an_expectation_that_is_not_met_fails_with_its_line() {
    TestSystem::run(async |t| {
        let consumer = t.actor("consumer", TestEventConsumer::default()).await.unwrap();
        let restart = ends::expect_restart(&consumer.any(), t.soon());
        restart.await;
    });
}
